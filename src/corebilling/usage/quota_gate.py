"""Quotas at work: what ingest asks before it stores, and what it counts and tells afterwards."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.usage import UsageQuotaExceeded, UsageQuotaWarning
from corebilling.kernel.clock import Clock
from corebilling.kernel.decimals import plain
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.usage.domain.normalise import UsageRow
from corebilling.usage.domain.quota import SUMMED, Gate, Quota, Used, by_concern, span_of
from corebilling.usage.ports import Subscriptions, Tenants
from corebilling.usage.queries import ingest as ingest_queries
from corebilling.usage.queries import quotas as queries
from corebilling.usage.reading import Reading

QUOTAS_REMEMBERED = timedelta(seconds=1)
"""How long a process remembers a tenant's quotas (wall time): a new one guards everywhere within it."""

_REMEMBERED_TENANTS = 10_000


class QuotaGate(Reading):
    """Guards ingest. A tenant without quotas pays one small query a second and process."""

    def __init__(self, *, clock: Clock, clocks: Tenants, subscriptions: Subscriptions) -> None:
        super().__init__(clock=clock, clocks=clocks, subscriptions=subscriptions)
        self._tenants = clocks
        self._guards: dict[UUID, tuple[datetime, Sequence[Quota]]] = {}

    async def gate(
        self, tx: Tx, tenant_id: UUID, rows: Collection[UsageRow], *, present: datetime, at: datetime
    ) -> Gate | None:
        """What quotas say about these events, which have different keys; None where no quota concerns them.

        `present` is the tenant's time, which decides the periods, `at` wall time. The counters are held until `tx` ends.
        """
        guards = await self._remembered(tx, tenant_id, at)
        concerned = by_concern(guards, rows) if guards else []
        counters = await hold_counters(tx, tenant_id, concerned, present) if concerned else []
        if not counters:
            return None
        gate = Gate(counters, present)
        known: set[str] = set()
        if not gate.has_room(rows):
            found = await ingest_queries.find_bodies(tx.conn, tenant_id=tenant_id, keys=[UUID(row.key) for row in rows])
            known = {row.key for row in found}
        gate.judge(rows, known)
        return gate

    async def _remembered(self, tx: Tx, tenant_id: UUID, at: datetime) -> Sequence[Quota]:
        known = self._guards.get(tenant_id)
        if known is not None and known[0] <= at < known[0] + QUOTAS_REMEMBERED:
            return known[1]
        guards = [quota_of(row) for row in await queries.list_guards(tx.conn, tenant_id=tenant_id)]
        if known is None and len(self._guards) >= _REMEMBERED_TENANTS:
            self._guards.clear()
        self._guards[tenant_id] = (at, guards)
        return guards


def quota_of(row: queries.ListGuardsRow | queries.ListQuotasRow) -> Quota:
    """A stored quota as the rules see it."""
    fields = {name: getattr(row, name) for name in Quota.__struct_fields__ if hasattr(row, name)}
    limits = {"limit": row.limit_quantity, "counts_quantity": row.aggregation in SUMMED}
    return msgspec.convert(fields | limits, Quota)


async def hold_counters(tx: Tx, tenant_id: UUID, quotas: Sequence[Quota], present: datetime) -> list[Used]:
    """The counters of the quotas' present periods, held until `tx` ends; a quota deleted meanwhile has none."""
    spans = {quota.id: span_of(quota.period, quota.time_zone, present) for quota in quotas}
    rows = await queries.hold_counters(
        tx.conn,
        tenant_id=tenant_id,
        quota_ids=[quota.id for quota in quotas],
        starts=[spans[quota.id].start for quota in quotas],
        ends=[spans[quota.id].end for quota in quotas],
    )
    by_id = {quota.id: quota for quota in quotas}
    return [
        Used(by_id[row.quota_id], spans[row.quota_id], row.used, row.refused, row.exceeded, row.used, row.refused)
        for row in rows
    ]


async def count(tx: Tx, tenant_id: UUID, gate: Gate, stored: Collection[str], at: datetime) -> None:
    """Write down what the gate let in (of which these keys were really stored) and refused; tell what was crossed."""
    gate.forget(stored)
    moved = [counter for counter in gate.counters if counter.is_moved]
    told = [(counter, at) for counter in moved for at in counter.crossed()]
    exceeded = [counter for counter in moved if counter.crosses_limit()]
    for counter in exceeded:
        counter.exceeded = True
    if moved:
        await set_counters(tx, tenant_id, moved)
    await tell(tx, tenant_id, told, exceeded, at)


async def set_counters(tx: Tx, tenant_id: UUID, counters: Sequence[Used]) -> None:
    """Store counters that `tx` holds."""
    await queries.set_counters(
        tx.conn,
        tenant_id=tenant_id,
        quota_ids=[counter.quota.id for counter in counters],
        starts=[counter.span.start for counter in counters],
        useds=[counter.used for counter in counters],
        refuseds=[counter.refused for counter in counters],
        exceededs=[counter.exceeded for counter in counters],
    )


async def tell(
    tx: Tx, tenant_id: UUID, warnings: Sequence[tuple[Used, Decimal]], exceeded: Sequence[Used], at: datetime
) -> None:
    """Emit what was crossed: thresholds, then limits."""
    notices = [(counter, _warning(counter, threshold)) for counter, threshold in warnings]
    notices += [(counter, _exceeded(counter)) for counter in exceeded]
    if not notices:
        return
    told = [counter.quota.id for counter, _ in notices]
    quota_ids = sorted(set(told))
    rows = await queries.number_notices(
        tx.conn, tenant_id=tenant_id, quota_ids=quota_ids, notices=[told.count(quota) for quota in quota_ids]
    )
    last = {row.id: row.event_seq - told.count(row.id) for row in rows}
    events = []
    for counter, payload in notices:
        quota_id = counter.quota.id
        if quota_id in last:  # else it was deleted while this batch counted for it
            last[quota_id] += 1
            events.append(NewEvent(tenant_id, quota_id, last[quota_id], payload, at))
    await emit(tx, events)


def _warning(counter: Used, threshold: Decimal) -> msgspec.Struct:
    quota, span = counter.quota, counter.span
    return UsageQuotaWarning(
        quota.id,
        quota.scope,
        quota.customer_id,
        quota.meter,
        plain(quota.limit),
        plain(counter.used),
        plain(threshold),
        span.start,
        span.end,
    )


def _exceeded(counter: Used) -> msgspec.Struct:
    quota, span = counter.quota, counter.span
    return UsageQuotaExceeded(
        quota.id,
        quota.scope,
        quota.customer_id,
        quota.meter,
        plain(quota.limit),
        plain(counter.used),
        quota.mode,
        span.start,
        span.end,
    )
