"""API keys: making them, taking them back, and telling who calls with one."""

import hmac
import secrets
from uuid import UUID

from msgspec import UNSET, UnsetType, convert

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Forbidden, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.tenant import Principal
from corebilling.platform.db import Tx
from corebilling.tenant.domain import api_key
from corebilling.tenant.domain.states import TenantStatus
from corebilling.tenant.queries import api_keys as queries
from corebilling.tenant.queries import models, tenants
from corebilling.tenant.schemas import ApiKeyCreate, ApiKeyOut


class ApiKeys:
    """API keys of tenants, and of those who run the installation."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def create_api_key(self, tx: Tx, tenant_id: UUID, data: ApiKeyCreate) -> ApiKeyOut:
        """A key for a tenant's programs, with the secret for this one time. Raises `NotFound` for an unknown tenant.

        Needs a transaction of the system or of a set of tenants: a tenant's own may not touch keys.
        """
        scopes = self._checked(data, api_key.TENANT_SCOPES)
        tenant = await tenants.get_tenant(tx.conn, tenant_id=tenant_id)
        if tenant is None:
            raise NotFound(f"there is no tenant {tenant_id}; check the id", code="tenant_not_found")
        key = api_key.mint("test" if tenant.sandbox else "live", secrets.token_bytes(api_key.ENTROPY_BYTES))
        row = await queries.add_api_key(
            tx.conn,
            tenant_id=tenant_id,
            api_key_id=new_id(),
            name=data.name,
            key_hash=key.key_hash,
            prefix=key.prefix,
            last_four=key.last_four,
            scopes=scopes,
            expires_at=data.expires_at,
            created_at=self._clock(),
        )
        assert row is not None
        return _shown(row, key.secret)

    async def create_platform_key(self, tx: Tx, data: ApiKeyCreate) -> ApiKeyOut:
        """A key of those who run the installation, in a system transaction. Only the command line offers this."""
        scopes = self._checked(data, api_key.ALL_SCOPES)
        key = api_key.mint("platform", secrets.token_bytes(api_key.ENTROPY_BYTES))
        row = await queries.add_platform_api_key(
            tx.conn,
            api_key_id=new_id(),
            name=data.name,
            key_hash=key.key_hash,
            prefix=key.prefix,
            last_four=key.last_four,
            scopes=scopes,
            expires_at=data.expires_at,
            created_at=self._clock(),
        )
        assert row is not None
        return _shown(row, key.secret)

    async def find_api_keys(self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[ApiKeyOut]:
        """A tenant's keys, newest first, revoked ones too."""
        rows = await queries.list_api_keys(tx.conn, tenant_id=tenant_id, before_id=after, page_size=limit)
        return [_shown(row) for row in rows]

    async def revoke_api_key(self, tx: Tx, tenant_id: UUID, api_key_id: UUID) -> ApiKeyOut:
        """End a key now and for good; a second time changes nothing. Raises `NotFound`."""
        row = await queries.revoke_api_key(
            tx.conn, tenant_id=tenant_id, api_key_id=api_key_id, revoked_at=self._clock()
        )
        if row is None:
            raise NotFound(f"the tenant has no API key {api_key_id}; check the id", code="api_key_not_found")
        return _shown(row)

    async def identify(self, tx: Tx, key: str) -> Principal | None:
        """Who calls with this secret, in an identity transaction; None for one that is unknown, revoked or expired.

        Raises `Forbidden` where the key is good and its tenant is suspended.
        """
        if not api_key.looks_like_key(key):
            return None
        key_hash = api_key.hash_of(key)
        row = await queries.find_api_key(tx.conn, key_hash=key_hash)
        if row is None:
            return await self._identify_platform(tx, key_hash)
        if not hmac.compare_digest(row.key_hash, key_hash):
            return None
        if not api_key.holds(row.expires_at, row.revoked_at, self._clock()):
            return None
        if row.tenant_status != "active":
            raise Forbidden(
                "this tenant is suspended; ask those who run this installation to take it up again",
                code="tenant_suspended",
            )
        return Principal(row.tenant_id, frozenset(row.scopes), f"api_key:{row.api_key_id}")

    async def standing(self, tx: Tx, tenant_id: UUID) -> TenantStatus | None:
        """Whether a tenant may call, in an identity transaction; None if there is no such tenant."""
        status = await tenants.get_standing(tx.conn, tenant_id=tenant_id)
        return None if status is None else convert(status, TenantStatus)

    async def _identify_platform(self, tx: Tx, key_hash: bytes) -> Principal | None:
        row = await queries.find_platform_api_key(tx.conn, key_hash=key_hash)
        if row is None or not hmac.compare_digest(row.key_hash, key_hash):
            return None
        if not api_key.holds(row.expires_at, row.revoked_at, self._clock()):
            return None
        return Principal(None, frozenset(row.scopes), f"platform_api_key:{row.api_key_id}")

    def _checked(self, data: ApiKeyCreate, allowed: frozenset[str]) -> list[str]:
        if data.expires_at is not None and data.expires_at <= self._clock():
            raise invalid_field("/expires_at", "the key would have expired already; send an instant in the future")
        return api_key.checked_scopes(data.scopes, allowed)


def _shown(row: models.ApiKey | models.PlatformApiKey, secret: str | UnsetType = UNSET) -> ApiKeyOut:
    return ApiKeyOut(
        id=row.api_key_id,
        name=row.name,
        prefix=row.prefix,
        last_four=row.last_four,
        scopes=row.scopes,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        created_at=row.created_at,
        secret=secret,
    )
