"""Cycles: closed once each when their grace has passed, one after the other, until the subscription ends."""

import asyncio
from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from msgspec.structs import replace

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START, World
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.events.subscription import SubscriptionCanceled, SubscriptionCreated, SubscriptionStatusChanged
from corebilling.scheduler.worker import SchedulerWorker
from corebilling.subscription.schemas import CancelOrder
from corebilling.tenant import schemas as tenant_schemas

INSTANT = timedelta(microseconds=1)
APRIL = MARCH + 31 * DAY


async def test_a_period_closes_when_its_grace_has_passed_and_not_before(world: World) -> None:
    tenant_id = await world.tenant()
    world.wall = START
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    world.wall = FEBRUARY + GRACE - INSTANT
    await world.close_all()
    assert await world.events(BillingCycleClosed, tenant_id) == []
    world.wall = FEBRUARY + GRACE
    await world.close_all()
    (closed,) = await world.events(BillingCycleClosed, tenant_id)
    assert (closed.payload.period_start, closed.payload.period_end) == (START, FEBRUARY)
    assert (closed.payload.closed_at, closed.payload.is_last) == (world.wall, False)


async def test_a_backdated_subscription_catches_up_cycle_after_cycle(world: World) -> None:
    tenant_id = await world.tenant()
    world.wall = START
    (subscription,) = await world.subscribe(tenant_id, ["a"])
    world.wall = APRIL + GRACE
    await world.deliver()
    await world.close_all()
    closed = [e.payload for e in await world.events(BillingCycleClosed, tenant_id)]
    assert [c.period_index for c in closed] == [0, 1, 2]
    assert [c.period_end for c in closed] == [FEBRUARY, MARCH, APRIL]
    async with world.db.tenant(tenant_id) as tx:
        cycles = await world.scheduler.cycles(tx, tenant_id, str(subscription), before_index=None, limit=10)
    assert [(c.period_index, c.state) for c in cycles] == [(3, "open"), (2, "closed"), (1, "closed"), (0, "closed")]


async def test_each_tenant_lives_by_its_own_clock(world: World) -> None:
    ahead, behind = await world.tenant(clock_at=START), await world.tenant(clock_at=START)
    live = await world.tenant()
    world.wall = START + DAY
    for tenant_id in (ahead, behind, live):
        await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(ahead, FEBRUARY + GRACE)
    await world.close_all()
    assert [e.tenant_id for e in await world.events(BillingCycleClosed) if e.tenant_id in (ahead, behind, live)] == [
        ahead
    ]


async def test_many_schedulers_close_each_cycle_once(world: World) -> None:
    tenants = [await world.tenant() for _ in range(2)]
    world.wall = START
    for tenant_id in tenants:
        await world.subscribe(tenant_id, [f"s{n}" for n in range(200)])
    await world.deliver()
    world.wall = FEBRUARY + GRACE
    while any(await asyncio.gather(*(world.closing.close_once() for _ in range(4)))):
        pass
    closed = [e.payload for t in tenants for e in await world.events(BillingCycleClosed, t)]
    assert Counter(c.cycle_id for c in closed) == dict.fromkeys((c.cycle_id for c in closed), 1)
    assert len(closed) == 400


async def test_a_subscription_that_was_canceled_ends_with_its_period(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + DAY)
    await world.subscribe(tenant_id, ["a"])
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="period_end"))
    await world.deliver()
    await world.set_clock(tenant_id, APRIL)
    await world.close_all()
    await world.deliver()
    (closed,) = await world.events(BillingCycleClosed, tenant_id)
    assert closed.payload.is_last
    (changed,) = await world.events(SubscriptionStatusChanged, tenant_id)
    assert changed.payload.after == "canceled"


async def test_of_a_subscription_without_schedules_the_cancellation_may_arrive_before_the_creation(
    world: World,
) -> None:
    """As releases published them that knew no `subscription.scheduled`."""
    tenant_id = await world.tenant(clock_at=START + DAY)
    await world.subscribe(tenant_id, ["a"])
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="period_end"))
    await world.handle(SubscriptionCanceled, await world.events(SubscriptionCanceled, tenant_id))
    (created,) = await world.events(SubscriptionCreated, tenant_id)
    await world.handle(SubscriptionCreated, [replace(created, payload=replace(created.payload, scheduled=False))])
    await world.set_clock(tenant_id, APRIL)
    await world.close_all()
    assert [e.payload.is_last for e in await world.events(BillingCycleClosed, tenant_id)] == [True]


async def test_a_cycle_opened_before_the_end_was_known_is_removed_and_never_billed(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START + DAY)
    (subscription,) = await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="period_end"))
    await world.set_clock(tenant_id, FEBRUARY + GRACE)
    await world.close_all()
    await world.deliver()
    await world.close_all()
    await world.deliver()
    closed = [e.payload for e in await world.events(BillingCycleClosed, tenant_id)]
    assert [(c.period_index, c.is_last) for c in closed] == [(0, False), (0, True)]
    async with world.db.tenant(tenant_id) as tx:
        cycles = await world.scheduler.cycles(tx, tenant_id, str(subscription), before_index=None, limit=10)
    assert [(c.period_index, c.state) for c in cycles] == [(0, "closed")]
    assert [e.payload.after for e in await world.events(SubscriptionStatusChanged, tenant_id)] == ["canceled"]


async def test_an_advancing_clock_stops_at_each_due_instant_until_all_is_handled(world: World) -> None:
    tenant_id, other = await world.tenant(clock_at=START), await world.tenant(clock_at=START)
    for tenant in (tenant_id, other):
        await world.subscribe(tenant, ["a"])
    async with world.db.tenant(tenant_id) as tx:
        await world.tenants.advance(tx, tenant_id, tenant_schemas.ClockAdvance(to=MARCH + 2 * DAY))
    assert await world.clocks.advance_once() == (0, 1)
    await world.deliver()
    stops = []
    for _ in range(3):
        assert await world.clocks.advance_once() in ((1, 1), (1, 0))
        async with world.db.tenant(tenant_id) as tx:
            stops.append((await world.tenants.now(tx, [tenant_id]))[tenant_id])
        if await world.close_all():
            assert await world.clocks.advance_once() == (0, 1)
        await world.deliver()
    assert stops == [FEBRUARY + GRACE, MARCH + GRACE, MARCH + 2 * DAY]
    async with world.db.tenant(tenant_id) as tx:
        assert (await world.tenants.test_clock(tx, tenant_id)).status == "ready"
        assert (await world.tenants.now(tx, [tenant_id]))[tenant_id] == stops[-1]
    assert await world.events(BillingCycleClosed, other) == []


async def test_the_worker_closes_what_is_due_and_stops_when_told(world: World) -> None:
    tenant_id = await world.tenant()
    world.wall = START
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    world.wall = FEBRUARY + GRACE
    stopping = asyncio.Event()
    running = asyncio.create_task(
        SchedulerWorker(world.db, world.closing, world.wake_ups, world.late, world.clocks).run(stopping)
    )
    async with asyncio.timeout(20):
        while not await world.events(BillingCycleClosed, tenant_id):
            await asyncio.sleep(0.02)
        stopping.set()
        await running


async def test_the_database_refuses_to_change_a_closed_cycle(world: World) -> None:
    tenant_id = await world.tenant()
    world.wall = START
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    world.wall = FEBRUARY + GRACE
    await world.close_all()
    with pytest.raises(psycopg.errors.RestrictViolation):
        async with world.db.system() as tx:
            await tx.conn.execute("UPDATE billing_cycles SET epoch = 99 WHERE tenant_id = %s", (tenant_id,))
