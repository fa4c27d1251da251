"""The scheduler's projection of subscriptions, and what it shows of their periods."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.events.subscription import SubscriptionCanceled, SubscriptionCreated
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.scheduler import store
from corebilling.scheduler.domain.cycle import Calendar, Cycle
from corebilling.scheduler.queries import cycles, models
from corebilling.scheduler.queries import schedules as queries

CHANNEL = "billing_cycles"
"""NOTIFY channel: something may have fallen due."""


class SchedulerService:
    """`grace_seconds` is how long a period that is over still waits for its usage, in the tenant's time."""

    def __init__(self, *, grace_seconds: float = 3600.0) -> None:
        self.grace = timedelta(seconds=grace_seconds)

    async def start(self, tx: Tx, events: Sequence[Envelope[SubscriptionCreated]]) -> None:
        """Learn the calendars of new subscriptions and open their first periods."""
        await queries.put_calendars(
            tx.conn,
            tenant_ids=[event.tenant_id for event in events],
            subscription_ids=[event.payload.subscription_id for event in events],
            anchor_ats=[event.payload.anchor_at for event in events],
            time_zones=[event.payload.time_zone for event in events],
            interval_units=[event.payload.interval for event in events],
            interval_counts=[event.payload.interval_count for event in events],
        )
        await store.open_cycles(tx, [_first_cycle(event) for event in events], self.grace)
        tx.wake(CHANNEL)

    async def end(self, tx: Tx, events: Sequence[Envelope[SubscriptionCanceled]]) -> None:
        """Learn when subscriptions end; of several ends of one subscription the newest counts."""
        newest: dict[tuple[UUID, UUID], Envelope[SubscriptionCanceled]] = {}
        for event in events:
            key = (event.tenant_id, event.payload.subscription_id)
            if key not in newest or newest[key].resource_seq < event.resource_seq:
                newest[key] = event
        tenant_ids = [tenant_id for tenant_id, _ in newest]
        subscription_ids = [subscription_id for _, subscription_id in newest]
        ends_ats = [event.payload.ends_at for event in newest.values()]
        await queries.put_ends(
            tx.conn,
            tenant_ids=tenant_ids,
            subscription_ids=subscription_ids,
            ends_ats=ends_ats,
            ends_seqs=[event.resource_seq for event in newest.values()],
        )
        await cycles.hasten_beyond_end(
            tx.conn, tenant_ids=tenant_ids, subscription_ids=subscription_ids, ends_ats=ends_ats
        )
        tx.wake(CHANNEL)

    async def cycles(
        self, tx: Tx, tenant_id: UUID, subscription_id: UUID, *, before_index: int | None, limit: int
    ) -> list[models.BillingCycle]:
        """A subscription's periods, newest first; none for a subscription that isn't the tenant's."""
        return await cycles.cycles_of_subscription(
            tx.conn, tenant_id=tenant_id, subscription_id=subscription_id, before_index=before_index, row_limit=limit
        )


def _first_cycle(event: Envelope[SubscriptionCreated]) -> Cycle:
    created = event.payload
    calendar = Calendar(created.anchor_at, created.time_zone, created.interval, created.interval_count)
    return Cycle(event.tenant_id, created.subscription_id, new_id(), calendar.period(0), calendar)
