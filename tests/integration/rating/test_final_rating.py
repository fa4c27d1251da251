"""Closed periods: rated once and for good, whatever the order of events, and with late usage on the next one."""

import asyncio
from uuid import UUID

import psycopg
import pytest

from billing_world import DAY, FEBRUARY, GRACE, MARCH, PLAN, START, World
from corebilling.events.rating import RatingCompleted, RatingFailed
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.charge import BilledCharge
from corebilling.rating.domain.engine import formula


async def lines(world: World, tenant_id: UUID) -> dict[int, list[BilledCharge]]:
    """The charges of a tenant's final ratings by period index; each rating's total is checked on the way."""
    found = {}
    for event in await world.events(RatingCompleted, tenant_id):
        done = event.payload
        async with world.db.tenants([tenant_id]) as tx:
            charges = await world.rating.charges(tx, [(tenant_id, done.rating_id)])
        found[done.period_index] = list(charges[tenant_id, done.rating_id])
        assert sum(charge.amount_minor for charge in found[done.period_index]) == done.total_minor
    return found


async def close_at(world: World, tenant_id: UUID, end: object) -> None:
    await world.set_clock(tenant_id, end + GRACE)  # type: ignore[operator]
    await world.close_all()


async def test_a_closed_period_is_rated_to_the_cent_and_shown_only_to_its_tenant(world: World) -> None:
    ours, theirs = [await world.tenant(clock_at=START) for _ in range(2)]
    for tenant_id in (ours, theirs):
        await world.subscribe(tenant_id, ["a"])
        await world.deliver()
        await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(ours, "a", START + DAY, gb="90.5", calls=3)
    await world.use(ours, "a", START + 2 * DAY, gb="30", calls=1)
    await world.use(theirs, "a", START + 2 * DAY, gb="1")
    for tenant_id in (ours, theirs):
        await close_at(world, tenant_id, FEBRUARY)
    await world.deliver()

    charges = (await lines(world, ours))[0]
    assert [(c.description, c.kind, c.amount_minor) for c in charges] == [
        ("Base fee", "recurring", 4990),
        ("Data", "usage", 11025),
        ("Calls", "usage", 0),
    ]
    assert formula(charges[1].derivation) == "100 x 1 + 20.5 x 0.5 = 110.25"
    assert [c.amount_minor for c in (await lines(world, theirs))[0]] == [4990, 100, 0]
    (done,) = await world.events(RatingCompleted, ours)
    async with world.db.tenant(theirs) as tx:
        assert await world.rating.charges(tx, [(ours, done.payload.rating_id)]) == {(ours, done.payload.rating_id): ()}


async def test_late_usage_lands_on_the_next_period_as_a_line_that_names_its_own(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="90")
    await close_at(world, tenant_id, FEBRUARY)
    await world.use(tenant_id, "a", START + 5 * DAY, gb="30")
    await world.set_clock(tenant_id, FEBRUARY + 3 * DAY)
    await world.use(tenant_id, "a", FEBRUARY + DAY, gb="10")
    await close_at(world, tenant_id, MARCH)
    await world.deliver()

    second = (await lines(world, tenant_id))[1]
    assert [(c.kind, c.amount_minor) for c in second] == [
        ("recurring", 4990),
        ("usage", 1000),
        ("usage", 0),
        ("late_usage", 2000),
    ]
    late = second[-1]
    assert late.description == "Data, late usage of 2026-01-01 to 2026-01-31"
    assert (late.period_start, late.period_end, late.quantity) == (START, FEBRUARY, 30)
    assert late.derivation.already_billed_minor == 9000
    assert formula(late.derivation) == "100 x 1 + 20 x 0.5 = 110"


async def test_late_usage_is_billed_once_however_many_periods_follow(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await close_at(world, tenant_id, FEBRUARY)
    await world.use(tenant_id, "a", START + 25 * DAY, gb="1")
    await close_at(world, tenant_id, MARCH)
    await close_at(world, tenant_id, MARCH + 31 * DAY)
    await world.deliver()
    late = [c.amount_minor for charges in (await lines(world, tenant_id)).values() for c in charges if "late" in c.kind]
    assert late == [100]


async def test_periods_closed_in_the_wrong_order_bill_the_same(world: World) -> None:
    """March's close is handled before February's and January's, each on its own, with late usage in between."""
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="90")
    await close_at(world, tenant_id, FEBRUARY)
    await world.use(tenant_id, "a", START + 20 * DAY, gb="30")
    await close_at(world, tenant_id, MARCH)
    await world.use(tenant_id, "a", FEBRUARY + 20 * DAY, gb="7")
    await close_at(world, tenant_id, MARCH + 31 * DAY)
    closed = await world.events(BillingCycleClosed, tenant_id)
    for event in reversed(closed):
        await world.handle(BillingCycleClosed, [event])
    by_period = await lines(world, tenant_id)
    total = sum(charge.amount_minor for charges in by_period.values() for charge in charges)
    assert total == 3 * 4990 + 11000 + 700


async def test_periods_rated_at_the_same_time_bill_late_usage_once(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="90")
    await close_at(world, tenant_id, FEBRUARY)
    await world.use(tenant_id, "a", START + 20 * DAY, gb="30")
    await close_at(world, tenant_id, MARCH)
    await close_at(world, tenant_id, MARCH + 31 * DAY)
    closed = await world.events(BillingCycleClosed, tenant_id)
    await asyncio.gather(*(world.handle(BillingCycleClosed, [event]) for event in (*closed, *closed)))
    by_period = await lines(world, tenant_id)
    assert len(by_period) == len(await world.events(RatingCompleted, tenant_id)) == 3
    assert sum(c.amount_minor for charges in by_period.values() for c in charges) == 3 * 4990 + 11000


async def test_a_close_that_comes_twice_changes_nothing(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await close_at(world, tenant_id, FEBRUARY)
    closed = await world.events(BillingCycleClosed, tenant_id)
    for _ in range(2):
        await world.handle(BillingCycleClosed, closed)
    assert len(await world.events(RatingCompleted, tenant_id)) == 1


async def test_what_cannot_be_rated_says_so_and_holds_up_nobody_else(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    price = {"model": "per_unit", "unit_amount": "100000000000000"}
    async with world.db.tenant(tenant_id) as tx:
        huge = [{"kind": "usage", "name": "Data", "meter": "data", "price": price}]
        await world.plan(tx, tenant_id, PLAN | {"code": "huge", "prices": huge})
    await world.subscribe(tenant_id, ["fine"])
    (broken,) = await world.subscribe(tenant_id, ["broken"], plan="huge")
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "broken", START + DAY, gb="100000")
    await close_at(world, tenant_id, FEBRUARY)
    await world.deliver()
    (failed,) = await world.events(RatingFailed, tenant_id)
    assert failed.payload.subscription_id == broken
    assert "larger than a document can hold" in failed.payload.reason
    assert len(await world.events(RatingCompleted, tenant_id)) == 1


async def test_a_period_that_failed_is_rated_once_its_cause_is_mended_and_a_retry_is_asked_for(world: World) -> None:
    tenant_id, other = [await world.tenant(clock_at=START) for _ in range(2)]
    price = {"model": "per_unit", "unit_amount": "100000000000000"}
    async with world.db.tenant(tenant_id) as tx:
        huge = [{"kind": "usage", "name": "Data", "meter": "data", "price": price}]
        await world.plan(tx, tenant_id, PLAN | {"code": "huge", "prices": huge})
    await world.subscribe(tenant_id, ["broken"], plan="huge")
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    (wrong,) = await world.use(tenant_id, "broken", START + DAY, gb="100000")
    await close_at(world, tenant_id, FEBRUARY)
    await world.deliver()
    failures = world.rating.failures

    async def failed(of: UUID) -> list[tuple[str, int]]:
        async with world.db.tenant(of) as tx:
            return [(f.reason, f.attempts) for f in await failures.find(tx, of, after=None, limit=10)]

    async def retry() -> int:
        async with world.db.tenant(tenant_id) as tx:
            await failures.ask_for_retry(tx, tenant_id, None)
        return await world.live_rater.retry_once()

    ((reason, attempts),) = await failed(tenant_id)
    assert ("larger than a document" in reason, attempts) == (True, 1)
    assert await failed(other) == []
    assert await world.live_rater.retry_once() == 0, "nobody asked"
    assert await retry() == 1
    assert (await failed(tenant_id))[0][1] == 2
    await world.void(tenant_id, wrong)
    async with world.db.tenants([tenant_id]) as tx:
        await world.usage.seal(tx, [tenant_id])
    await close_at(world, tenant_id, MARCH)
    await world.deliver()
    assert await retry() == 1
    assert await failed(tenant_id) == []
    completed = await world.events(RatingCompleted, tenant_id)
    assert [(e.payload.period_index, e.payload.total_minor) for e in completed] == [(1, 0), (0, 0)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ratings SET total_minor = 1 WHERE tenant_id = %s",
        "DELETE FROM charges WHERE tenant_id = %s",
        (
            "INSERT INTO charges SELECT tenant_id, rating_id, 99, subscription_id, rated_from, price_id, kind, description,"
            " meter_code, unit, quantity, amount_minor, period_start, period_end, derivation FROM charges"
            " WHERE tenant_id = %s AND charge_no = 1"
        ),
    ],
)
async def test_the_database_refuses_to_change_a_final_rating(world: World, change: str) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await close_at(world, tenant_id, FEBRUARY)
    await world.deliver()
    with pytest.raises(psycopg.errors.RestrictViolation):
        async with world.db.tenants([tenant_id]) as tx:
            await tx.conn.execute(change, (tenant_id,))
