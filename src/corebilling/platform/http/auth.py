"""Who is calling: an API key, or a bearer token; and which tenant the call is about.

Answers about API keys and tenants are remembered in the process for 15 seconds, by the SHA-256 of the credential:
a revoked key or a suspended tenant is refused 15 seconds later at the latest. What isn't known is remembered for one.
"""

import hashlib
import time
from collections.abc import Iterable
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from corebilling.kernel.errors import Forbidden, NotFound, Unauthenticated, invalid_field
from corebilling.kernel.tenant import Principal
from corebilling.platform.db import Database, Tx
from corebilling.platform.expiring import ExpiringCache
from corebilling.platform.http.exchange import exchange_of
from corebilling.platform.http.jwks import TokenVerifier
from corebilling.platform.http.routing import Public, declaration_of

REMEMBERED_SECONDS = 15.0
_UNKNOWN_SECONDS = 1.0
_SIZE = 10_000

Headers = Iterable[tuple[bytes, bytes]]


class Keys(Protocol):
    """What authentication asks the tenant context, in identity transactions."""

    async def identify(self, tx: Tx, key: str) -> Principal | None:
        """Who calls with this API key; None if nobody. Raises `Forbidden` where its tenant is suspended."""
        ...

    async def standing(self, tx: Tx, tenant_id: UUID) -> Literal["active", "suspended"] | None:
        """Whether the tenant may call; None if there is no such tenant."""
        ...


class Caller(msgspec.Struct, frozen=True):
    """An authenticated request.

    `platform`: may name any tenant and work across them: a key that belongs to no tenant, or a token, with a `platform.*`
    scope. A tenant's own key stays inside its tenant whatever its scopes. `on_behalf`: it did name one, so it is audited.
    """

    principal: Principal
    platform: bool = False
    on_behalf: bool = False


class _Token(msgspec.Struct, frozen=True):
    principal: Principal
    expires_at: float


class Authenticator:
    """Turns the headers of a request into its caller. Without `tokens`, bearer tokens are refused."""

    def __init__(self, *, database: Database, keys: Keys, tokens: TokenVerifier | None) -> None:
        self._database = database
        self._keys = keys
        self._verifier = tokens
        self._by_key: ExpiringCache[bytes, Principal] = _cache()
        self._by_token: ExpiringCache[bytes, _Token] = _cache()
        self._standings: ExpiringCache[UUID, str] = _cache()

    async def authenticate(self, headers: Headers) -> Caller:
        """The caller. Raises `Unauthenticated`, `Forbidden`, `Invalid` for a malformed X-Tenant-ID, `Unavailable`."""
        key = authorization = named = None
        for name, value in headers:
            if name == b"x-api-key":
                key = value
            elif name == b"authorization":
                authorization = value
            elif name == b"x-tenant-id":
                named = value
        if key is not None:
            principal = await self._principal_of_key(key)
        elif authorization is not None:
            principal = await self._principal_of_token(authorization)
        else:
            raise Unauthenticated(
                "send an API key in X-API-Key or a token in Authorization: Bearer", code="no_credential"
            )
        # A credential that belongs to a tenant stays inside it, whatever its scopes: a tenant's accountant holds
        # platform.finance for its own ledger.
        platform = principal.tenant_id is None and has_platform_scope(principal)
        if named is not None:
            return await self._named(principal, platform, named)
        if key is None and principal.tenant_id is not None:
            await self._demand_active(principal.tenant_id)
        return Caller(principal, platform)

    async def _principal_of_key(self, key: bytes) -> Principal:
        async def ask() -> Principal | None:
            async with self._database.identity() as tx:
                return await self._keys.identify(tx, key.decode("latin-1"))

        principal = await self._by_key.get(hashlib.sha256(key).digest(), ask)
        if principal is None:
            raise Unauthenticated(
                "the API key is unknown, revoked or expired; check it or create another", code="invalid_api_key"
            )
        return principal

    async def _principal_of_token(self, authorization: bytes) -> Principal:
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not token:
            raise Unauthenticated("send the token as Authorization: Bearer <token>", code="invalid_token")
        verifier = self._verifier
        if verifier is None:
            raise Unauthenticated(
                "this installation takes no bearer tokens (JWKS_URL isn't set); send an API key", code="no_jwks"
            )

        async def ask() -> _Token:
            claims = await verifier.claims(token.strip().decode("latin-1"))
            return _Token(_principal(claims), float(claims["exp"]))

        known = await self._by_token.get(hashlib.sha256(token).digest(), ask)
        if known is None or known.expires_at + 5 < time.time():
            raise Unauthenticated("the token has expired; get a new one", code="token_expired")
        return known.principal

    async def _named(self, principal: Principal, platform: bool, named: bytes) -> Caller:
        if not platform:
            raise Forbidden("only callers of the platform may send X-Tenant-ID; leave it out", code="tenant_not_yours")
        try:
            tenant_id = UUID(named.decode("latin-1"))
        except ValueError:
            raise invalid_field(
                "/header/X-Tenant-ID", "not a UUID; send the tenant's id", code="invalid_tenant_id"
            ) from None
        if await self._standing(tenant_id) is None:
            raise NotFound(f"there is no tenant {tenant_id}; check X-Tenant-ID", code="tenant_not_found")
        return Caller(Principal(tenant_id, principal.scopes, principal.subject), platform, on_behalf=True)

    async def _demand_active(self, tenant_id: UUID) -> None:
        standing = await self._standing(tenant_id)
        if standing is None:
            raise Unauthenticated("the token names a tenant that doesn't exist; get a new one", code="unknown_tenant")
        if standing != "active":
            raise Forbidden(
                "this tenant is suspended; ask those who run this installation to take it up again",
                code="tenant_suspended",
            )

    async def _standing(self, tenant_id: UUID) -> str | None:
        async def ask() -> str | None:
            async with self._database.identity() as tx:
                return await self._keys.standing(tx, tenant_id)

        return await self._standings.get(tenant_id, ask)


def _cache() -> ExpiringCache[Any, Any]:
    return ExpiringCache(seconds=REMEMBERED_SECONDS, none_seconds=_UNKNOWN_SECONDS, size=_SIZE)


def has_platform_scope(principal: Principal) -> bool:
    """Whether the credential holds a scope of those who run the installation."""
    return any(scope.startswith("platform.") for scope in principal.scopes)


def _principal(claims: dict[str, Any]) -> Principal:
    raw = claims.get("scope", "")
    listed = raw.split() if isinstance(raw, str) else raw if isinstance(raw, list) else []
    scopes = frozenset(scope for scope in listed if isinstance(scope, str))
    subject = str(claims.get("sub", "token"))
    try:
        tenant_id = UUID(claims["tenant_id"]) if "tenant_id" in claims else None
    except (ValueError, AttributeError, TypeError):
        raise Unauthenticated("the token's tenant_id is not a UUID; get a new one", code="invalid_token") from None
    principal = Principal(tenant_id, scopes, f"token:{subject}")
    if tenant_id is None and not has_platform_scope(principal):
        raise Unauthenticated("the token names no tenant_id; get a new one", code="invalid_token")
    return principal


class ScopeGuard:
    """Litestar guard: authenticates the request and demands the scope that its handler declared."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if connection.scope["method"] == "OPTIONS":  # type: ignore[typeddict-item]
            return
        scope = declaration_of(handler).scope  # type: ignore[arg-type]
        if isinstance(scope, Public):
            return
        caller = await self._authenticator.authenticate(connection.scope["headers"])
        if scope not in caller.principal.scopes:
            raise Forbidden(f"this needs the scope {scope}; use a credential that holds it", code="scope_missing")
        exchange = exchange_of(connection)
        exchange.principal = caller.principal
        exchange.platform = caller.platform
        exchange.on_behalf = caller.on_behalf
