"""The edge: where a request's one transaction is opened and committed. Handlers get one as `edge`."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from litestar.connection import Request
from litestar.response import Response

from corebilling.kernel.errors import Forbidden, Unauthenticated, invalid_field
from corebilling.kernel.tenant import Principal
from corebilling.platform import audit
from corebilling.platform.audit import PLATFORM_TENANT
from corebilling.platform.db import Tx
from corebilling.platform.http import idempotency
from corebilling.platform.http.exchange import Exchange
from corebilling.platform.http.idempotency import Answer, Claim

T = TypeVar("T")
Work = Callable[[Tx], Awaitable[T]]

_JSON = "application/json"


class Edge:
    """Opens the transaction of one request, runs the work in it, and shapes the answer."""

    __slots__ = ("_exchange", "_request")

    def __init__(self, exchange: Exchange, request: Request[Any, Any, Any]) -> None:
        self._exchange = exchange
        self._request = request

    @property
    def principal(self) -> Principal:
        """Who is calling. Raises `Unauthenticated` on a public route."""
        if self._exchange.principal is None:
            raise Unauthenticated(
                "this route has no caller; send a credential to one that asks for it", code="no_caller"
            )
        return self._exchange.principal

    @property
    def tenant_id(self) -> UUID:
        """The tenant the request is about. Raises `Invalid` where a platform caller named none."""
        tenant_id = self.principal.tenant_id
        if tenant_id is None:
            raise invalid_field(
                "/header/X-Tenant-ID", "name the tenant in the X-Tenant-ID header", code="tenant_not_named"
            )
        return tenant_id

    @property
    def on_behalf(self) -> bool:
        """Whether a caller of the platform named the tenant: what it does is audited, by `query` and `command` themselves."""
        return self._exchange.on_behalf

    @property
    def request_id(self) -> str:
        """The id of the request, as in the X-Request-Id of its answer."""
        return self._exchange.request_id

    async def note(self, tx: Tx) -> None:
        """Leave a line in the tenant's audit trail, whoever calls; what is done on behalf of it has one anyway."""
        if not self._exchange.on_behalf:
            await self._audit(tx, [self.tenant_id])

    async def query(self, work: Work[T]) -> T:
        """Run work that reads, in the tenant's transaction."""
        tenant_id = self.tenant_id
        async with self._exchange.surroundings.database.tenant(tenant_id) as tx:
            if self._exchange.on_behalf:
                await self._audit(tx, [tenant_id])
            return await work(tx)

    async def command(self, work: Work[T], *, status: int, secret: bool = False, noted: bool = False) -> Response[T]:
        """Run work that writes, in the tenant's transaction, once for each Idempotency-Key.

        A successful answer is stored with the effect. `secret`: the answer shows a secret, so only the fact is stored.
        `noted`: a line in the audit trail tells of it whoever calls (`note`).
        """
        tenant_id = self.tenant_id
        database = self._exchange.surroundings.database
        claim = await self._claim(tenant_id)
        async with database.tenant(tenant_id) as tx:
            if self._exchange.on_behalf:
                await self._audit(tx, [tenant_id])
            answer, replayed = await self._once(tx, claim, self._noting(work) if noted else work, status, secret)
        return _response(answer, replayed)

    async def command_for(
        self, tenant_ids: Collection[UUID], work: Work[T], *, status: int, secret: bool = False
    ) -> Response[T]:
        """As `command`, for a platform caller, on the tenants given (which may be about to exist)."""
        self._demand_platform()
        claim = await self._claim(PLATFORM_TENANT)
        async with self._exchange.surroundings.database.tenants([*tenant_ids, PLATFORM_TENANT]) as tx:
            await self._audit(tx, tenant_ids)
            answer, replayed = await self._once(tx, claim, work, status, secret)
        return _response(answer, replayed)

    async def system(self, work: Work[T]) -> T:
        """Run work across tenants for a platform caller. Raises `Forbidden` for any other."""
        self._demand_platform()
        async with self._exchange.surroundings.database.system() as tx:
            if self._request.method != "GET":
                await self._audit(tx, [])
            return await work(tx)

    def _demand_platform(self) -> None:
        if not self._exchange.platform:
            raise Forbidden("this is for callers of the platform, who belong to no tenant", code="platform_only")

    async def _claim(self, tenant_id: UUID) -> Claim | None:
        raw = next((value for name, value in self._request.scope["headers"] if name == b"idempotency-key"), None)
        if raw is None:
            return None
        key = idempotency.checked_key(raw)
        scope = self._request.scope
        body = await self._request.body()
        path = unaliased(scope["path"])
        return Claim(tenant_id, self._action, key, idempotency.request_hash(path, scope["query_string"], body))

    async def _once(
        self, tx: Tx, claim: Claim | None, work: Work[Any], status: int, secret: bool
    ) -> tuple[Answer, bool]:
        now = self._now()
        if claim is not None and (earlier := await idempotency.claim(tx, claim, now)):
            return earlier, True
        result = await work(tx)
        answer = Answer(status, _JSON, b"" if result is None else msgspec.json.encode(result))
        if claim is not None:
            kept = Answer(status, _JSON, None) if secret else answer
            await idempotency.keep(tx, claim, kept, now)
        return answer, False

    def _noting(self, work: Work[T]) -> Work[T]:
        async def noted(tx: Tx) -> T:
            await self.note(tx)
            return await work(tx)

        return noted

    async def _audit(self, tx: Tx, tenant_ids: Collection[UUID]) -> None:
        act = audit.Act(
            occurred_at=self._now(),
            actor=self.principal.subject,
            action=self._action,
            resource=self._request.scope["path"],
            request_id=self._exchange.request_id,
        )
        await audit.record(tx, act, list(tenant_ids))

    def _now(self) -> datetime:
        return self._exchange.surroundings.clock()

    @property
    def _action(self) -> str:
        """Method and template: `POST /v1/customers`, whichever of its two paths was called."""
        template: str = self._request.scope["path_template"]
        return f"{self._request.method} {unaliased(template)}"


def unaliased(path: str) -> str:
    """`/v1/billing/things` as `/v1/things`."""
    return "/v1/" + path[len("/v1/billing/") :] if path.startswith("/v1/billing/") else path


def _response(answer: Answer, replayed: bool) -> Response[Any]:
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(answer.body or b"", status_code=answer.status, media_type=answer.content_type, headers=headers)
