"""Schedules as subscriptions publish them: learnt whole, in any order; cycles follow, wake-ups are told, groups close as one."""

import asyncio
from datetime import datetime
from uuid import UUID

import pytest

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START, World
from corebilling.events.catalog import BY_PAYLOAD
from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed, SubscriptionDue
from corebilling.events.subscription import SubscriptionScheduled
from corebilling.kernel.contract import Calendar
from corebilling.kernel.errors import NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.scheduler.clocks import TestClocks
from corebilling.scheduler.queries.models import BillingCycle
from corebilling.tenant import schemas as tenant_schemas

GROUP = UUID(int=77)


def monthly(at: datetime = START, first_index: int = 0, *, starts_at: datetime | None = None) -> Calendar:
    return Calendar(at, "UTC", "month", 1, starts_at=starts_at or at, first_index=first_index)


def told(
    tenant_id: UUID,
    subscription_id: UUID,
    seq: int,
    *calendars: Calendar,
    ends_at: datetime | None = None,
    wake_at: datetime | None = None,
    group_key: UUID | None = None,
) -> Envelope[SubscriptionScheduled]:
    payload = SubscriptionScheduled(subscription_id, calendars, ends_at, wake_at, group_key)
    row = BY_PAYLOAD[SubscriptionScheduled]
    return Envelope(
        new_id(), row.subject, row.version, tenant_id, subscription_id, seq, new_id(), None, None, START, payload
    )


async def cycles(world: World, tenant_id: UUID, subscription_id: UUID) -> list[BillingCycle]:
    """Oldest first, as they lie in the table."""
    async with world.db.tenant(tenant_id) as tx:
        cursor = await tx.conn.execute(
            "SELECT period_index, period_start, period_end, due_at, state FROM billing_cycles"
            " WHERE subscription_id = %s ORDER BY period_index",
            (subscription_id,),
        )
        return await cursor.fetchall()


async def closed(world: World, tenant_id: UUID) -> list[BillingCycleClosed]:
    return [event.payload for event in await world.events(BillingCycleClosed, tenant_id)]


async def test_the_newest_schedule_counts_in_whatever_order_they_come(world: World) -> None:
    tenant_id, other = await world.tenant(clock_at=START), await world.tenant(clock_at=START)
    one, two, theirs = new_id(), new_id(), new_id()
    plain = [told(tenant_id, one, 1, monthly()), told(tenant_id, one, 2, monthly(), ends_at=FEBRUARY - DAY)]
    await world.handle(SubscriptionScheduled, [*plain, told(other, theirs, 1, monthly())])
    await world.handle(SubscriptionScheduled, [told(tenant_id, two, 2, monthly(), ends_at=FEBRUARY - DAY)])
    await world.handle(SubscriptionScheduled, [told(tenant_id, two, 1, monthly())])
    await world.handle(SubscriptionScheduled, plain)
    for subscription in (one, two):
        (cycle,) = await cycles(world, tenant_id, subscription)
        assert cycle[1:4] == (START, FEBRUARY - DAY, FEBRUARY - DAY + GRACE)
    assert [row[2] for row in await cycles(world, other, theirs)] == [FEBRUARY]
    assert await cycles(world, other, one) == []


async def test_a_subscription_that_ends_now_closes_at_its_end_and_tells_that_it_was_the_last(world: World) -> None:
    tenant_id, subscription = await world.tenant(clock_at=START), new_id()
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 1, monthly())])
    end = START + 10 * DAY
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 2, monthly(), ends_at=end)])
    await world.set_clock(tenant_id, end + GRACE)
    await world.close_all()
    (last,) = await closed(world, tenant_id)
    assert (last.period_start, last.period_end, last.is_last) == (START, end, True)
    assert [row[4] for row in await cycles(world, tenant_id, subscription)] == ["closed"]


async def test_taking_a_cancellation_back_restores_the_period_and_those_after_it(world: World) -> None:
    tenant_id, subscription = await world.tenant(clock_at=START), new_id()
    for seq, end in ((1, None), (2, START + 10 * DAY), (3, None)):
        await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, seq, monthly(), ends_at=end)])
    await world.set_clock(tenant_id, MARCH + GRACE)
    await world.close_all()
    assert [(c.period_end, c.is_last) for c in await closed(world, tenant_id)] == [(FEBRUARY, False), (MARCH, False)]


async def test_another_interval_cuts_the_open_period_and_the_next_one_goes_on_counting(world: World) -> None:
    tenant_id, subscription = await world.tenant(clock_at=START), new_id()
    change = START + 14 * DAY
    weekly = Calendar(change, "UTC", "week", 1, starts_at=change, first_index=1)
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 1, monthly())])
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 2, monthly(), weekly)])
    await world.set_clock(tenant_id, change + 14 * DAY + GRACE)
    await world.close_all()
    assert [(c.period_index, c.period_start, c.period_end) for c in await closed(world, tenant_id)] == [
        (0, START, change),
        (1, change, change + 7 * DAY),
        (2, change + 7 * DAY, change + 14 * DAY),
    ]


async def test_a_trial_that_is_prolonged_moves_the_first_period(world: World) -> None:
    tenant_id, subscription = await world.tenant(clock_at=START), new_id()
    for seq, starts in ((1, START + 7 * DAY), (2, START + 14 * DAY), (3, START + 3 * DAY)):
        await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, seq, monthly(starts))])
        (cycle,) = await cycles(world, tenant_id, subscription)
        assert cycle[1] == starts
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 4, monthly(starts), ends_at=START)])
    await world.close_all()
    assert (await cycles(world, tenant_id, subscription), await closed(world, tenant_id)) == ([], [])


async def test_a_period_may_begin_after_its_anchor(world: World) -> None:
    tenant_id, subscription = await world.tenant(clock_at=START), new_id()
    calendar = monthly(starts_at=START + 9 * DAY)
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 1, calendar)])
    (cycle,) = await cycles(world, tenant_id, subscription)
    assert cycle[:3] == (0, START + 9 * DAY, FEBRUARY)


async def test_a_subscription_is_woken_once_at_the_instant_it_asked_for(world: World) -> None:
    tenant_id, live = await world.tenant(clock_at=START), await world.tenant()
    subscription, theirs = new_id(), new_id()
    wake_at = START + 3 * DAY
    world.wall = START
    await world.handle(
        SubscriptionScheduled,
        [told(tenant_id, subscription, 1, wake_at=wake_at), told(live, theirs, 1, monthly(), wake_at=wake_at)],
    )
    assert await world.wake_ups.wake_once() == 0
    await world.set_clock(tenant_id, wake_at)
    assert await asyncio.gather(*(world.wake_ups.wake_once() for _ in range(3))) in ([1, 0, 0], [0, 1, 0], [0, 0, 1])
    (due,) = await world.events(SubscriptionDue, tenant_id)
    assert (due.payload, due.occurred_at) == (SubscriptionDue(subscription, wake_at), wake_at)
    assert await world.events(SubscriptionDue, live) == []
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 2, wake_at=wake_at)])
    assert await world.wake_ups.wake_once() == 0, "it was told of that instant"
    world.wall = wake_at
    assert await world.wake_ups.wake_once() == 1
    assert [event.payload.subscription_id for event in await world.events(SubscriptionDue, live)] == [theirs]


async def test_a_test_clock_stops_where_a_subscription_is_to_be_woken(world: World) -> None:
    tenant_id, subscription = await world.tenant(clock_at=START), new_id()
    wake_at = START + 3 * DAY
    await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 1, monthly(), wake_at=wake_at)])
    async with world.db.tenant(tenant_id) as tx:
        await world.tenants.advance(tx, tenant_id, tenant_schemas.ClockAdvance(to=START + 5 * DAY))
    await world.deliver()
    assert await world.clocks.advance_once() == (1, 1)
    assert await world.clocks.advance_once() == (0, 1)
    async with world.db.tenant(tenant_id) as tx:
        assert (await world.tenants.now(tx, [tenant_id]))[tenant_id] == wake_at
    assert await world.wake_ups.wake_once() == 1
    await world.deliver()
    assert await world.clocks.advance_once() == (1, 0)


async def test_a_clock_does_not_pass_by_a_period_that_was_learnt_while_it_looked(world: World) -> None:
    tenant_id, subscription = await world.tenant(clock_at=START), new_id()
    async with world.db.tenant(tenant_id) as tx:
        await world.tenants.advance(tx, tenant_id, tenant_schemas.ClockAdvance(to=MARCH))

    class HandledJustNow:
        """The backbone, just when it hands over the last event there was."""

        async def exists(self, tx: Tx, tenant_id: UUID, since: datetime) -> bool:
            await world.handle(SubscriptionScheduled, [told(tenant_id, subscription, 1, monthly())])
            return False

    clocks = TestClocks(world.db, sandboxes=world.tenants, unhandled=HandledJustNow())
    assert await clocks.advance_once() == (0, 1)
    assert await clocks.advance_once() == (1, 1)
    async with world.db.tenant(tenant_id) as tx:
        assert (await world.tenants.now(tx, [tenant_id]))[tenant_id] == FEBRUARY + GRACE


async def test_cycles_that_are_invoiced_together_close_as_one_whatever_the_batches(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    grouped, alone = [new_id() for _ in range(250)], [new_id() for _ in range(50)]
    early = new_id()
    events = [told(tenant_id, one, 1, monthly(), group_key=GROUP) for one in grouped]
    events += [told(tenant_id, one, 1, monthly()) for one in alone]
    events += [told(tenant_id, early, 1, monthly(), ends_at=FEBRUARY - DAY, group_key=GROUP)]
    await world.handle(SubscriptionScheduled, events)
    await world.set_clock(tenant_id, FEBRUARY + GRACE)
    while any(await asyncio.gather(*(world.closing.close_once() for _ in range(3)))):
        pass
    told_of = await closed(world, tenant_id)
    assert len(told_of) == 301
    together = [c for c in told_of if c.group_id is not None]
    assert {c.subscription_id for c in together} == set(grouped)
    assert {(c.group_id, c.group_size) for c in together} == {(together[0].group_id, 250)}
    assert {c.group_size for c in told_of if c.group_id is None} == {0}


async def test_one_that_joins_a_group_late_is_not_waited_for(world: World) -> None:
    tenant_id = await world.tenant(clock_at=FEBRUARY + GRACE)
    first, second, late = new_id(), new_id(), new_id()
    for members in ((first, second), (late,)):
        await world.handle(
            SubscriptionScheduled, [told(tenant_id, one, 1, monthly(), group_key=GROUP) for one in members]
        )
        await world.close_all()
    sizes = {c.subscription_id: c.group_size for c in await closed(world, tenant_id)}
    assert sizes == {first: 2, second: 2, late: 0}


async def test_cycles_are_listed_by_either_name_of_the_subscription_and_unknown_ones_refused(world: World) -> None:
    tenant_id, other = await world.tenant(clock_at=START), await world.tenant(clock_at=START)
    (subscription,) = await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    async with world.db.tenant(tenant_id) as tx:
        for ref in ("a", str(subscription)):
            (cycle,) = await world.scheduler.cycles(tx, tenant_id, ref, before_index=None, limit=10)
            assert cycle.subscription_id == subscription
    async with world.db.tenant(other) as tx:
        with pytest.raises(NotFound):
            await world.scheduler.cycles(tx, other, str(subscription), before_index=None, limit=10)
