"""Usage of subscriptions that are over: noted, told of once after a delay, billed once whatever is told again."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from billing_world import DAY, FEBRUARY, GRACE, START, World
from corebilling.events.rating import RatingCompleted
from corebilling.events.scheduler import BillingCycleClosed, LateUsageSealed
from corebilling.events.subscription import SubscriptionScheduled
from corebilling.subscription.schemas import CancelOrder

USED_AT = START + 3 * DAY


async def billed(world: World, tenant_id: UUID) -> list[tuple[str, int]]:
    return [(e.payload.purpose, e.payload.total_minor) for e in await world.events(RatingCompleted, tenant_id)]


async def cancel(world: World, tenant_id: UUID, at: str) -> None:
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at))


async def ended(world: World, end: datetime) -> UUID:
    """A subscription that was canceled then and has had its closing."""
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, end)
    await cancel(world, tenant_id, "now")
    await world.deliver()
    await world.set_clock(tenant_id, end + GRACE)
    await world.close_all()
    await world.deliver()
    return tenant_id


async def test_it_is_told_once_however_much_came_and_billed_once_however_often_it_is_told(world: World) -> None:
    end = START + 10 * DAY
    tenant_id = await ended(world, end)
    for _ in range(3):
        await world.use(tenant_id, "a", USED_AT, gb="10")
        await world.deliver()
    await world.set_clock(tenant_id, end + GRACE + DAY - timedelta(seconds=1))
    assert await world.late.tell_once() == 0
    await world.set_clock(tenant_id, end + GRACE + DAY)
    assert [await world.late.tell_once(), await world.late.tell_once()] == [1, 0]
    await world.deliver()
    (told,) = await world.events(LateUsageSealed, tenant_id)
    await world.handle(LateUsageSealed, [told])
    assert (await billed(world, tenant_id))[1:] == [("late", 3000)]

    await world.use(tenant_id, "a", USED_AT, gb="1")
    await world.deliver()
    await world.set_clock(tenant_id, end + 5 * DAY)
    await world.late.tell_once()
    await world.deliver()
    await world.handle(LateUsageSealed, await world.events(LateUsageSealed, tenant_id))
    assert (await billed(world, tenant_id))[1:] == [("late", 3000), ("late", 100)]


async def test_what_the_last_closing_bills_itself_is_told_and_then_not_billed_again(world: World) -> None:
    end = START + 10 * DAY
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, end)
    await cancel(world, tenant_id, "now")
    await world.deliver()
    await world.use(tenant_id, "a", USED_AT, gb="10")
    await world.deliver()
    await world.set_clock(tenant_id, end + 3 * DAY)
    await world.late.tell_once()
    await world.close_all()
    await world.deliver(order=lambda events: events[::-1])
    assert len(await world.events(LateUsageSealed, tenant_id)) == 1
    assert [purpose for purpose, _ in await billed(world, tenant_id)] == ["period"]


async def test_usage_of_a_cycle_that_should_never_have_been_opened_is_billed(world: World) -> None:
    """The end is ordered for the period's end, but the scheduler hears of it only when the next period is open."""
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await cancel(world, tenant_id, "period_end")
    await world.set_clock(tenant_id, FEBRUARY + GRACE)
    await world.close_all()
    await world.use(tenant_id, "a", USED_AT, gb="10")
    usage_first: dict[type[Any], int] = {SubscriptionScheduled: 1, BillingCycleClosed: 2}
    await world.deliver(order=lambda events: sorted(events, key=lambda e: usage_first.get(type(e.payload), 0)))
    await world.close_all()
    await world.set_clock(tenant_id, FEBRUARY + 3 * DAY)
    await world.late.tell_once()
    await world.deliver()
    assert (await billed(world, tenant_id))[1:] == [("late", 1000)]
    assert [e.payload.is_last for e in await world.events(BillingCycleClosed, tenant_id)] == [False, True]
