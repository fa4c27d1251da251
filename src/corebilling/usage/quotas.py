"""Quotas as people set them and look at them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from msgspec import UNSET

from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.period import zone
from corebilling.kernel.references import as_id
from corebilling.platform.db import Tx
from corebilling.usage.domain.quota import Quota, QuotaScope, crossed_by_change, span_of
from corebilling.usage.queries import quotas as queries
from corebilling.usage.quota_gate import QuotaGate, hold_counters, quota_of, set_counters, tell
from corebilling.usage.schemas.quotas import (
    QuotaCreate,
    QuotaOut,
    QuotaPatch,
    QuotaUse,
    TenantLimit,
    TenantQuotaOut,
    TenantQuotaPut,
)

_MOST = Decimal(10**18)
_DECIMALS = 12


class QuotaFilter(msgspec.Struct, frozen=True):
    """Which quotas to list."""

    scope: QuotaScope | None = None
    customer: str | None = None
    meter: str | None = None


class Quotas(QuotaGate):
    """Sets quotas and answers what is left of them."""

    async def create_quota(self, tx: Tx, tenant_id: UUID, data: QuotaCreate) -> QuotaOut:
        """A quota of a customer on a meter; it counts from now on.

        Raises `Invalid` for values that make no sense, `NotFound` for an unknown customer or meter, `Conflict` where
        there is one for the same period.
        """
        customer_id = await self._customer(tx, tenant_id, data.customer_id)
        meters = await self.by_code(tx, tenant_id, [data.meter])
        if data.meter not in meters:
            raise NotFound(f"there is no meter '{data.meter}'; GET /v1/meters lists them", code="meter_not_found")
        quota_id = await self._add(tx, tenant_id, data, "", (customer_id, meters[data.meter]))
        if quota_id is None:
            raise Conflict(
                "this customer has a quota on the meter for the same period; change that one", code="quota_exists"
            )
        return await self.get_quota(tx, tenant_id, quota_id)

    async def get_quota(self, tx: Tx, tenant_id: UUID, quota_id: UUID) -> QuotaOut:
        """One quota with its present period. Raises `NotFound`."""
        row = await self._row(tx, tenant_id, quota_id)
        return (await self._shown(tx, tenant_id, [row]))[0]

    async def list_quotas(
        self, tx: Tx, tenant_id: UUID, wanted: QuotaFilter, *, after: UUID | None, limit: int
    ) -> list[QuotaOut]:
        """Newest first, the tenant's own among them. Raises `NotFound` for an unknown customer."""
        customer_id = None if wanted.customer is None else await self._customer(tx, tenant_id, wanted.customer)
        rows = await self._rows(
            tx,
            tenant_id,
            before_id=after,
            scope=wanted.scope,
            customer_id=customer_id,
            meter=wanted.meter,
            page_size=limit,
        )
        return await self._shown(tx, tenant_id, rows)

    async def update_quota(self, tx: Tx, tenant_id: UUID, quota_id: UUID, change: QuotaPatch) -> QuotaOut:
        """Change a customer's quota; what is used already stays counted. Raises `NotFound`, `Invalid`, `Conflict`."""
        _refuse_tenants_own(await self._row(tx, tenant_id, quota_id))
        await self._change(tx, tenant_id, quota_id, change)
        return await self.get_quota(tx, tenant_id, quota_id)

    async def delete_quota(self, tx: Tx, tenant_id: UUID, quota_id: UUID) -> None:
        """Take a customer's quota away. Raises `NotFound`, `Conflict`."""
        _refuse_tenants_own(await self._row(tx, tenant_id, quota_id))
        await queries.delete_quotas(tx.conn, tenant_id=tenant_id, ids=[quota_id])

    async def tenant_quota(self, tx: Tx, tenant_id: UUID) -> TenantQuotaOut:
        """The limits that the platform set for a tenant. Raises `NotFound`."""
        await self._require_tenant(tx, tenant_id)
        rows = await self._tenants_own(tx, tenant_id)
        return TenantQuotaOut(tenant_id, await self._shown(tx, tenant_id, rows))

    async def put_tenant_quota(self, tx: Tx, tenant_id: UUID, data: TenantQuotaPut) -> TenantQuotaOut:
        """Set a tenant's limits; one that stays keeps its count, and so its calendar. Raises `NotFound`, `Invalid`, `Conflict`."""
        await self._require_tenant(tx, tenant_id)
        periods = [wanted.period for wanted in data.limits]
        for place, wanted in enumerate(data.limits):
            if wanted.period in periods[:place]:
                raise invalid_field(f"/limits/{place}/period", "is named before; send one limit for each period")
        there = {row.period: row for row in await self._tenants_own(tx, tenant_id)}
        # In the order in which ingest holds the counters, and what goes last, lest the two wait for each other.
        stays = [(there[w.period], w, f"/limits/{n}") for n, w in enumerate(data.limits) if w.period in there]
        for row, wanted, pointer in sorted(stays, key=lambda one: one[0].id):
            if wanted.time_zone not in (None, row.time_zone):
                detail = "can't change while the limit counts; take it away first, and set it again"
                raise invalid_field(f"{pointer}/time_zone", detail)
            change = QuotaPatch(limit=wanted.limit, mode=wanted.mode, warning_thresholds=wanted.warning_thresholds)
            await self._change(tx, tenant_id, row.id, change, pointer)
        for place, wanted in enumerate(data.limits):
            if wanted.period not in there and not await self._add(tx, tenant_id, wanted, f"/limits/{place}", None):
                raise Conflict("another request set this limit just now; send it again", code="quota_exists")
        gone = [row.id for period, row in there.items() if period not in periods]
        await queries.delete_quotas(tx.conn, tenant_id=tenant_id, ids=gone)
        return await self.tenant_quota(tx, tenant_id)

    async def delete_tenant_quota(self, tx: Tx, tenant_id: UUID) -> None:
        """Let a tenant send what it likes. Raises `NotFound` for an unknown tenant."""
        await self._require_tenant(tx, tenant_id)
        ids = [row.id for row in await self._tenants_own(tx, tenant_id)]
        await queries.delete_quotas(tx.conn, tenant_id=tenant_id, ids=ids)

    async def _add(
        self, tx: Tx, tenant_id: UUID, data: QuotaCreate | TenantLimit, pointer: str, whose: tuple[UUID, UUID] | None
    ) -> UUID | None:
        time_zone = data.time_zone
        if time_zone is None:
            profile = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
            time_zone = profile.time_zone if profile else "UTC"
        return await queries.add_quota(
            tx.conn,
            tenant_id=tenant_id,
            id=new_id(),
            scope="customer" if whose else "tenant",
            customer_id=whose[0] if whose else None,
            meter_id=whose[1] if whose else None,
            period=data.period,
            time_zone=zone(time_zone).key,
            limit_quantity=_limit(data.limit, f"{pointer}/limit"),
            warn_at=_thresholds(data.warning_thresholds, f"{pointer}/warning_thresholds"),
            mode=data.mode,
            created_at=self._clock(),
        )

    async def _change(self, tx: Tx, tenant_id: UUID, quota_id: UUID, change: QuotaPatch, pointer: str = "") -> None:
        """The counter is held first, as ingest does; a limit that now lies below what is used is told as crossed."""
        present, at = (await self._clocks.now(tx, [tenant_id]))[tenant_id], self._clock()
        seen = quota_of(await self._row(tx, tenant_id, quota_id))
        held = await hold_counters(tx, tenant_id, [seen], present)
        before = quota_of(await self._row(tx, tenant_id, quota_id))
        after = msgspec.structs.replace(
            before,
            limit=before.limit if change.limit is UNSET else _limit(change.limit, f"{pointer}/limit"),
            mode=before.mode if change.mode is UNSET else change.mode,
            warn_at=before.warn_at
            if change.warning_thresholds is UNSET
            else tuple(_thresholds(change.warning_thresholds, f"{pointer}/warning_thresholds")),
        )
        if after == before:
            return
        await queries.change_quota(
            tx.conn,
            tenant_id=tenant_id,
            id=quota_id,
            limit_quantity=after.limit,
            warn_at=list(after.warn_at),
            mode=after.mode,
            updated_at=at,
        )
        for counter in held:
            counter.quota, told = after, counter.exceeded and after.limit == before.limit
            counter.exceeded = told or counter.used > after.limit
            exceeded = [counter] if counter.exceeded and not told else []
            await set_counters(tx, tenant_id, [counter])
            warnings = [(counter, threshold) for threshold in crossed_by_change(before, after, counter.used)]
            await tell(tx, tenant_id, warnings, exceeded, at)

    async def _row(self, tx: Tx, tenant_id: UUID, quota_id: UUID) -> queries.ListQuotasRow:
        rows = await self._rows(tx, tenant_id, id=quota_id)
        if not rows:
            raise NotFound(f"there is no quota {quota_id}; GET /v1/usage/quotas lists them", code="quota_not_found")
        return rows[0]

    async def _tenants_own(self, tx: Tx, tenant_id: UUID) -> list[queries.ListQuotasRow]:
        return await self._rows(tx, tenant_id, scope="tenant")

    async def _rows(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        id: UUID | None = None,
        before_id: UUID | None = None,
        scope: QuotaScope | None = None,
        customer_id: UUID | None = None,
        meter: str | None = None,
        page_size: int = 10,
    ) -> list[queries.ListQuotasRow]:
        return await queries.list_quotas(
            tx.conn,
            tenant_id=tenant_id,
            id=id,
            before_id=before_id,
            scope=scope,
            customer_id=customer_id,
            meter=meter,
            page_size=page_size,
        )

    async def _shown(self, tx: Tx, tenant_id: UUID, rows: Sequence[queries.ListQuotasRow]) -> list[QuotaOut]:
        if not rows:
            return []
        present = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        quotas = [quota_of(row) for row in rows]
        starts = [span_of(quota.period, quota.time_zone, present).start for quota in quotas]
        found = await queries.find_counters(
            tx.conn, tenant_id=tenant_id, quota_ids=[quota.id for quota in quotas], starts=starts
        )
        used = {row.quota_id: row for row in found}
        return [_out(row, quota, used.get(quota.id), present) for row, quota in zip(rows, quotas, strict=True)]

    async def _customer(self, tx: Tx, tenant_id: UUID, ref: str) -> UUID:
        found = await self._subscriptions.attributions(tx, tenant_id, [], [ref])
        wanted = as_id(ref)
        for owner in sorted(found, key=lambda one: one.customer_id != wanted):
            return owner.customer_id
        raise NotFound(
            f"there is no customer '{ref}' with a subscription; create both first", code="customer_not_found"
        )

    async def _require_tenant(self, tx: Tx, tenant_id: UUID) -> None:
        if tenant_id not in await self._tenants.profiles(tx, [tenant_id]):
            raise NotFound(f"there is no tenant {tenant_id}; GET /v1/tenants lists them", code="tenant_not_found")


def _out(row: queries.ListQuotasRow, quota: Quota, used: queries.FindCountersRow | None, present: datetime) -> QuotaOut:
    span = span_of(quota.period, quota.time_zone, present)
    use = QuotaUse(
        span.start,
        span.end,
        plain(used.used) if used else "0",
        used.refused if used else 0,
        used.exceeded if used else False,
    )
    return QuotaOut(
        quota.id,
        quota.scope,
        quota.customer_id,
        quota.meter,
        quota.period,
        quota.time_zone,
        plain(quota.limit),
        "quantity" if quota.counts_quantity else "events",
        quota.mode,
        [plain(at) for at in quota.warn_at],
        use,
        row.created_at,
        row.updated_at,
    )


def _refuse_tenants_own(row: queries.ListQuotasRow) -> None:
    if row.scope == "tenant":
        raise Conflict("this quota is set by the platform; ask for another one there", code="quota_of_the_platform")


def _limit(limit: Decimal, pointer: str) -> Decimal:
    if not limit.is_finite() or not 0 <= limit <= _MOST:
        raise invalid_field(pointer, "send a number from 0 to 1000000000000000000 (10^18)")
    return _exact(limit, pointer)


def _thresholds(thresholds: Sequence[Decimal], pointer: str) -> list[Decimal]:
    for place, at in enumerate(thresholds):
        if not at.is_finite() or not 0 < at <= 1:
            raise invalid_field(f"{pointer}/{place}", "send a fraction of the limit, above 0 and up to 1, such as 0.8")
        _exact(at, f"{pointer}/{place}")
    return sorted(set(thresholds))


def _exact(value: Decimal, pointer: str) -> Decimal:
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DECIMALS:
        raise invalid_field(pointer, f"send at most {_DECIMALS} digits after the point")
    return value
