"""Taking usage in: judge the events, claim their keys, store them, tell of it. One set-based pass a batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.usage import UsageReported
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.platform.db.arrays import array_literal
from corebilling.usage.domain.attribution import Owners
from corebilling.usage.domain.event import ItemResult, Refusal, Sent, SubjectEvent, Undecodable, UsageEvent
from corebilling.usage.domain.identity import ROTATION_LOCK, epoch_lock
from corebilling.usage.domain.normalise import Normaliser, Surroundings, UsageRow
from corebilling.usage.domain.quota import Gate
from corebilling.usage.domain.rollup import HourTotal, hour_totals, reported_series
from corebilling.usage.queries import ingest as queries
from corebilling.usage.queries import rejections as rejection_queries
from corebilling.usage.quota_gate import count
from corebilling.usage.quotas import Quotas

_encode = msgspec.json.Encoder().encode
_SERIES_PER_EVENT = 1_000
_KEPT_ITEM_CHARACTERS = 65_536
_CONFLICT = Refusal(
    "idempotency_conflict",
    "another event was accepted under this id and source; send a new id if this one is not its retry",
    "/id",
)


class Ingest(Quotas):
    """Stores usage events, each once."""

    async def ingest(self, tx: Tx, tenant_id: UUID, sent: Sequence[Sent], *, keeps: bool = True) -> list[ItemResult]:
        """Store what is sound and new; answer what became of each item, in order.

        A retry is a duplicate whatever its timestamp says; an event under a taken name that says something else is
        rejected. A rejected item is kept with its reason (unless the caller has it already) and doesn't claim its name.
        """
        received_at = self._clock()
        await queries.hold_write_locks(tx.conn, rotation_lock=ROTATION_LOCK, tenant_lock=epoch_lock(tenant_id))
        events = [item for item in sent if not isinstance(item, Undecodable)]
        around = await self._surroundings(tx, tenant_id, events)
        normaliser = Normaliser(around)
        batch = _Batch(sent)
        for index, item in enumerate(sent):
            if isinstance(item, Undecodable):
                batch.refuse(index, Refusal("invalid_event", item.detail, item.pointer))
            else:
                batch.take(index, normaliser.row(index, item))
        gate = await self.gate(tx, tenant_id, batch.rows.values(), present=around.present, at=received_at)
        if gate is not None:
            batch.hold_back(gate.refusals)
        fresh = await self._store(tx, tenant_id, batch, received_at) if batch.rows else []
        if gate is not None:
            await count(tx, tenant_id, gate, {row.key for row in fresh}, received_at)
            batch.flag(gate)
        results = batch.conclude()
        if batch.refused and keeps:
            await _keep(tx, tenant_id, batch, received_at)
        if fresh:
            totals = hour_totals(fresh)
            await emit(tx, _reports(tenant_id, totals, received_at))
            await _add_up(tx, tenant_id, totals)
        return results

    async def _surroundings(self, tx: Tx, tenant_id: UUID, events: Sequence[UsageEvent]) -> Surroundings:
        meters = await self.readings(tx, tenant_id, {event.meter for event in events})
        subscriptions = {event.subscription_id for event in events if event.subscription_id is not None}
        customers = {event.customer_id for event in events if event.customer_id is not None}
        subjects = {event.subject for event in events if isinstance(event, SubjectEvent)}
        found = await self._subscriptions.attributions(
            tx, tenant_id, [*(subscriptions | subjects)], [*(customers | subjects)]
        )
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        return Surroundings(now, meters, Owners(found))

    async def _store(self, tx: Tx, tenant_id: UUID, batch: "_Batch", received_at: datetime) -> list[UsageRow]:
        rows = list(batch.rows.values())
        known = await self.insert(tx, tenant_id, rows, received_at)
        if not known:
            return rows
        # A statement of its own: what a concurrent batch has just committed shows only in a new snapshot.
        bodies = await queries.find_bodies(tx.conn, tenant_id=tenant_id, keys=[UUID(key) for key in known])
        batch.settle({row.key: row.body for row in bodies})
        return [row for row in rows if row.key not in batch.stored]

    async def insert(self, tx: Tx, tenant_id: UUID, rows: Sequence[UsageRow], received_at: datetime) -> list[str]:
        """Claim the keys of the rows, which are different, and store those that are new; the keys of those that aren't."""
        return await queries.store_events(
            tx.conn,
            tenant_id=tenant_id,
            received_at=received_at,
            keys=[row.key for row in rows],
            bodies=[row.body for row in rows],
            subscription_ids=[row.owner.hex for row in rows],
            meter_ids=[row.reading.hex for row in rows],
            timestamps=[row.timestamp for row in rows],
            quantities=[row.quantity for row in rows],
            event_ids=[row.event_id for row in rows],
            sources=[row.source for row in rows],
            unique_values=[row.unique_value for row in rows],
            properties=[row.properties for row in rows],
            counted=[row.counted for row in rows],
            group_values=[None if row.group_values is None else array_literal(row.group_values) for row in rows],
        )


class _Batch:
    """The items of one call on their way to a result."""

    def __init__(self, sent: Sequence[Sent]) -> None:
        self.sent = sent
        self.rows: dict[str, UsageRow] = {}
        self.repeats: list[UsageRow] = []
        self.refused: dict[int, Refusal] = {}
        self.stored: dict[str, str] = {}
        self.held: dict[str, Refusal] = {}
        self.over: set[int] = set()

    def refuse(self, index: int, refusal: Refusal) -> None:
        """Reject one item."""
        self.refused[index] = refusal

    def take(self, index: int, row: UsageRow | Refusal) -> None:
        """Take in one judged event: the first under its key is to be stored, others are compared with it."""
        if isinstance(row, Refusal):
            self.refused[index] = row
        elif self.rows.setdefault(row.key, row) is not row:
            self.repeats.append(row)

    def hold_back(self, refusals: Mapping[str, Refusal]) -> None:
        """Reject those for which quotas leave no room."""
        self.held = dict(refusals)
        for key, refusal in refusals.items():
            self.refused[self.rows.pop(key).index] = refusal

    def flag(self, gate: Gate) -> None:
        """Note what was accepted beyond a soft quota."""
        self.over = {self.rows[key].index for key in gate.over}

    def settle(self, stored: dict[str, str]) -> None:
        """Note the bodies of the keys that were taken before this call."""
        self.stored = stored

    def conclude(self) -> list[ItemResult]:
        """What became of each item, once the rows are stored. Conflicts join the refused."""
        duplicates: set[int] = set()
        known = [row for row in self.rows.values() if row.key in self.stored] if self.stored else []
        for row in (*known, *self.repeats):
            if row.key in self.held:
                self.refused[row.index] = self.held[row.key]
            elif self.stored.get(row.key, self.rows[row.key].body) == row.body:
                duplicates.add(row.index)
            else:
                self.refused[row.index] = _CONFLICT
        if not duplicates and not self.refused and not self.over:
            return [ItemResult(item.id, "accepted") for item in self.sent]  # type: ignore[union-attr]
        return [self._result(index, index in duplicates) for index in range(len(self.sent))]

    def _result(self, index: int, duplicate: bool) -> ItemResult:
        item = self.sent[index]
        name = None if isinstance(item, Undecodable) else item.id
        refusal = self.refused.get(index)
        if refusal is None:
            return ItemResult(name, "duplicate" if duplicate else "accepted", over_quota=index in self.over)
        retry = refusal.retry_after_seconds
        return ItemResult(name, "rejected", refusal.code, refusal.detail, refusal.pointer, retry_after_seconds=retry)


def _reports(tenant_id: UUID, totals: Sequence[HourTotal], at: datetime) -> list[NewEvent]:
    """What was stored, by subscription and meter, as events of at most 1,000 series each."""
    series = reported_series(totals)
    reports = []
    for start in range(0, len(series), _SERIES_PER_EVENT):
        flush_id = new_id()
        payload = UsageReported(flush_id, series[start : start + _SERIES_PER_EVENT])
        reports.append(NewEvent(tenant_id, flush_id, 0, payload, at))
    return reports


async def _add_up(tx: Tx, tenant_id: UUID, totals: Sequence[HourTotal]) -> None:
    if not totals:
        return
    await queries.add_to_rollups(
        tx.conn,
        tenant_id=tenant_id,
        subscription_ids=[total.owner.hex for total in totals],
        meter_ids=[total.reading.hex for total in totals],
        hours=[total.hour_at for total in totals],
        event_counts=[total.event_count for total in totals],
        value_sums=[total.value_sum for total in totals],
        value_maxes=[total.value_max for total in totals],
        value_mins=[total.value_min for total in totals],
    )


async def _keep(tx: Tx, tenant_id: UUID, batch: _Batch, received_at: datetime) -> None:
    refused = sorted(batch.refused.items())
    items = [batch.sent[index] for index, _ in refused]
    await rejection_queries.keep_rejections(
        tx.conn,
        tenant_id=tenant_id,
        received_at=received_at,
        ids=[new_id() for _ in refused],
        event_ids=[None if isinstance(item, Undecodable) else item.id for item in items],
        codes=[refusal.code for _, refusal in refused],
        details=[refusal.detail for _, refusal in refused],
        items=[_as_sent(item)[:_KEPT_ITEM_CHARACTERS] for item in items],
    )


def _as_sent(item: Sent) -> str:
    return item.item if isinstance(item, Undecodable) else _encode(item).decode()
