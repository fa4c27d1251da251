"""The scheduler's projection of subscriptions, and what it shows of their periods."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.events.subscription import SubscriptionCanceled, SubscriptionCreated, SubscriptionScheduled
from corebilling.events.usage import UsageCorrected, UsageReported
from corebilling.kernel.contract import Calendar
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.scheduler import store
from corebilling.scheduler.domain.cycle import Cycle
from corebilling.scheduler.domain.schedule import Schedule, Step, step
from corebilling.scheduler.late import LateUsage
from corebilling.scheduler.ports import Clocks, Subscriptions
from corebilling.scheduler.queries import cycles, models
from corebilling.scheduler.queries import schedules as queries

CHANNEL = "billing_cycles"
"""NOTIFY channel: something may have fallen due."""

_json = msgspec.json.Encoder().encode

E = TypeVar("E", SubscriptionCanceled, SubscriptionScheduled)


class SchedulerService:
    """`grace_seconds` is how long a period that is over still waits for its usage, in the tenant's time."""

    def __init__(
        self, *, subscriptions: Subscriptions, clocks: Clocks, late: LateUsage, grace_seconds: float = 3600.0
    ) -> None:
        self._subscriptions = subscriptions
        self._clocks = clocks
        self._late = late
        self.grace = timedelta(seconds=grace_seconds)

    async def learn(self, tx: Tx, events: Sequence[Envelope[SubscriptionScheduled]]) -> None:
        """Learn the schedules of subscriptions, whole; of several of one subscription the newest counts."""
        newest = _newest(events)
        firsts = [_first(event.payload.calendars) for event in newest]
        rows = await queries.put_schedules(
            tx.conn,
            tenant_ids=[event.tenant_id for event in newest],
            subscription_ids=[event.payload.subscription_id for event in newest],
            anchor_ats=[first.anchor_at if first else None for first in firsts],
            time_zones=[first.time_zone if first else None for first in firsts],
            interval_units=[first.interval if first else None for first in firsts],
            interval_counts=[first.interval_count if first else None for first in firsts],
            calendars=[_json(event.payload.calendars) for event in newest],
            ends_ats=[event.payload.ends_at for event in newest],
            wake_ats=[event.payload.wake_at for event in newest],
            group_keys=[event.payload.group_key for event in newest],
            scheduled_seqs=[event.resource_seq for event in newest],
        )
        await self._follow(tx, rows)

    async def start(self, tx: Tx, events: Sequence[Envelope[SubscriptionCreated]]) -> None:
        """Learn the calendars of new subscriptions that publish no schedule."""
        rows = await queries.put_calendars(
            tx.conn,
            tenant_ids=[event.tenant_id for event in events],
            subscription_ids=[event.payload.subscription_id for event in events],
            anchor_ats=[event.payload.anchor_at for event in events],
            time_zones=[event.payload.time_zone for event in events],
            interval_units=[event.payload.interval for event in events],
            interval_counts=[event.payload.interval_count for event in events],
        )
        await self._follow(tx, rows)

    async def end(self, tx: Tx, events: Sequence[Envelope[SubscriptionCanceled]]) -> None:
        """Learn when subscriptions end; of several ends of one subscription the newest counts."""
        newest = _newest(events)
        rows = await queries.put_ends(
            tx.conn,
            tenant_ids=[event.tenant_id for event in newest],
            subscription_ids=[event.payload.subscription_id for event in newest],
            ends_ats=[event.payload.ends_at for event in newest],
            ends_seqs=[event.resource_seq for event in newest],
        )
        await self._follow(tx, rows)

    async def note_usage(self, tx: Tx, events: Sequence[Envelope[UsageReported] | Envelope[UsageCorrected]]) -> None:
        """Usage of subscriptions whose last period is over, and corrections of it, are billed for themselves."""
        keys = {(event.tenant_id, series.subscription_id) for event in events for series in event.payload.series}
        nows = await self._clocks.now(tx, {tenant_id for tenant_id, _ in keys})
        await self._late.note(tx, keys, nows)

    async def _follow(self, tx: Tx, changed: Sequence[models.BillingSchedule]) -> None:
        """Make the open cycles of these subscriptions fit what was learnt; their schedules' rows are locked by that."""
        tx.wake(CHANNEL)
        schedules = {(row.tenant_id, row.subscription_id): store.schedule_of(row) for row in changed}
        if not schedules:
            return
        newest = await store.newest_cycles(tx, list(schedules))
        steps = {key: step(schedule, newest.get(key), self.grace) for key, schedule in schedules.items()}
        await store.open_cycles(
            tx, [_cycle(key, schedules[key], found) for key, found in steps.items() if found and found.what == "open"]
        )
        moves = {key: found for key, found in sorted(steps.items()) if found and found.what == "move"}
        if moves:
            await cycles.move_cycles(
                tx.conn,
                tenant_ids=[tenant_id for tenant_id, _ in moves],
                subscription_ids=[subscription_id for _, subscription_id in moves],
                period_indexes=[move.period.index for move in moves.values()],
                period_starts=[move.period.start for move in moves.values()],
                period_ends=[move.period.end for move in moves.values()],
                due_ats=[move.due_at for move in moves.values()],
                group_keys=[move.group_key for move in moves.values()],
            )

    async def cycles(
        self, tx: Tx, tenant_id: UUID, subscription_ref: str, *, before_index: int | None, limit: int
    ) -> list[models.BillingCycle]:
        """A subscription's periods, newest first, by its id or external id. Raises `NotFound`."""
        found = await self._subscriptions.get(tx, tenant_id, subscription_ref)
        return await cycles.cycles_of_subscription(
            tx.conn, tenant_id=tenant_id, subscription_id=found.id, before_index=before_index, row_limit=limit
        )


def _newest(events: Iterable[Envelope[E]]) -> list[Envelope[E]]:
    """The newest event of each subscription."""
    found: dict[tuple[UUID, UUID], Envelope[E]] = {}
    for event in events:
        key = (event.tenant_id, event.payload.subscription_id)
        if key not in found or found[key].resource_seq < event.resource_seq:
            found[key] = event
    return list(found.values())


def _first(calendars: tuple[Calendar, ...]) -> Calendar | None:
    return calendars[0] if calendars else None


def _cycle(key: tuple[UUID, UUID], schedule: Schedule, found: Step) -> Cycle:
    return Cycle(*key, new_id(), found.period, schedule, found.due_at, found.group_key)
