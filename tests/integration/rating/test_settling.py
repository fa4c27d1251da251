"""Fees ahead, changes, credits and corrections on a real database: what is charged, once, whatever comes in between."""

import random
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START, World
from corebilling.events.rating import RatingCompleted
from corebilling.events.subscription import SubscriptionInvoiceRequested
from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.errors import NotFound
from corebilling.subscription.schemas import CancelOrder, ChangeOrder


def ahead(code: str, amount: str) -> dict[str, Any]:
    fee = {"kind": "recurring", "code": "fee", "name": f"{code} fee", "timing": "advance"}
    usage = {"kind": "usage", "code": "data", "name": "Data", "meter": "data"}
    return {
        "code": code,
        "name": code,
        "currency": "EUR",
        "prices": [
            fee | {"price": {"model": "flat", "amount": amount}},
            usage | {"price": {"model": "per_unit", "unit_amount": "1.00"}},
        ],
    }


async def seller(world: World, **more: Any) -> UUID:
    """A tenant with the plans `small` (31.00 ahead) and `large` (62.00 ahead), and a subscription `a` to the small one."""
    tenant_id = await world.tenant(clock_at=START, **more)
    async with world.db.tenant(tenant_id) as tx:
        await world.plan(tx, tenant_id, ahead("small", "31.00"))
        await world.plan(tx, tenant_id, ahead("large", "62.00"))
    await world.subscribe(tenant_id, ["a"], plan="small")
    await world.deliver()
    return tenant_id


async def advance(world: World, tenant_id: UUID, to: datetime) -> None:
    await world.set_clock(tenant_id, to)
    while await world.wake_ups.wake_once() + await world.close_all():
        await world.deliver()
    await world.deliver()


async def change(world: World, tenant_id: UUID, **order: Any) -> None:
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.change(tx, tenant_id, "a", ChangeOrder(**order))
    await world.deliver()


async def ratings(world: World, tenant_id: UUID) -> list[tuple[BilledCharge, ...]]:
    """The charges of every rating, in the order in which they were made; totals are checked on the way."""
    found = []
    for event in await world.events(RatingCompleted, tenant_id):
        key = (tenant_id, event.payload.rating_id)
        async with world.db.tenants([tenant_id]) as tx:
            charges = (await world.rating.charges(tx, [key]))[key]
        assert event.payload.total_minor == sum(c.amount_minor for c in charges if c.kind != "credit_note") >= 0
        found.append(charges)
    return found


def short(charges: tuple[BilledCharge, ...]) -> list[tuple[str, int]]:
    return [(charge.kind, charge.amount_minor) for charge in charges]


async def test_a_fee_ahead_is_charged_at_the_opening_and_by_each_closing_for_the_next_period(world: World) -> None:
    tenant_id = await seller(world)
    await advance(world, tenant_id, MARCH + GRACE)
    opening, january, february = await ratings(world, tenant_id)
    assert short(opening) == [("recurring", 3100)]
    assert short(january) == short(february) == [("recurring", 3100), ("usage", 0)]
    assert (january[0].period_start, january[0].period_end) == (FEBRUARY, MARCH)
    (opened, *closed) = await world.events(RatingCompleted, tenant_id)
    assert (opened.payload.purpose, opened.payload.request_no) == ("opening", 1)
    assert {event.payload.purpose for event in closed} == {"period"}


async def test_a_change_billed_at_once_makes_the_lines_that_were_previewed_and_is_rated_once(world: World) -> None:
    tenant_id = await seller(world)
    await advance(world, tenant_id, START + 10 * DAY)
    order = {"plan": "large", "bill": "now"}
    async with world.db.tenant(tenant_id) as tx:
        previewed = await world.subscriptions.preview_change(tx, tenant_id, "a", ChangeOrder(**order))
    await change(world, tenant_id, **order)
    requests = await world.events(SubscriptionInvoiceRequested, tenant_id)
    for _ in range(2):
        await world.handle(SubscriptionInvoiceRequested, requests)
    _, changed = await ratings(world, tenant_id)
    assert short(changed) == [("proration", -2100), ("proration", 4200)]
    assert [(line.description, line.amount_minor) for line in previewed.lines] == [
        (charge.description, charge.amount_minor) for charge in changed
    ]
    await advance(world, tenant_id, FEBRUARY + GRACE)
    assert short((await ratings(world, tenant_id))[2])[-2:] == [("recurring", 6200), ("usage", 0)]


async def test_a_change_at_renewal_previews_the_fee_that_the_closing_then_charges(world: World) -> None:
    tenant_id = await seller(world)
    await advance(world, tenant_id, START + 10 * DAY)
    async with world.db.tenant(tenant_id) as tx:
        order = ChangeOrder(plan="large", at="renewal")
        previewed = await world.subscriptions.preview_change(tx, tenant_id, "a", order)
    assert [(line.kind, line.amount_minor) for line in previewed.lines] == [("recurring", 6200)]
    await change(world, tenant_id, plan="large", at="renewal")
    await advance(world, tenant_id, FEBRUARY + GRACE)
    _, january = await ratings(world, tenant_id)
    assert short(january) == [("usage", 0), ("recurring", 6200)]


async def test_a_change_that_waits_is_settled_by_the_closing(world: World) -> None:
    tenant_id = await seller(world)
    await advance(world, tenant_id, START + 10 * DAY)
    await world.use(tenant_id, "a", START + 2 * DAY, gb="3")
    await change(world, tenant_id, plan="large")
    await world.use(tenant_id, "a", START + 10 * DAY, gb="5")
    await advance(world, tenant_id, FEBRUARY + GRACE)
    _, january = await ratings(world, tenant_id)
    assert sorted(short(january)) == [
        ("proration", -2100),
        ("proration", 4200),
        ("recurring", 6200),
        ("usage", 300),
        ("usage", 500),
    ]


async def test_a_plan_changed_in_the_instant_it_began_is_given_back_whole(world: World) -> None:
    tenant_id = await seller(world)
    await change(world, tenant_id, plan="large", bill="now")
    opening, changed = await ratings(world, tenant_id)
    assert short(opening) == [("recurring", 3100)]
    assert sorted(short(changed)) == [("proration", -3100), ("recurring", 6200)]


async def test_what_is_canceled_in_the_second_in_which_it_began_gives_everything_back(world: World) -> None:
    """No period is ever closed that could do it."""
    tenant_id = await seller(world)
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="now"))
    await world.deliver()
    await advance(world, tenant_id, MARCH)
    opening, back = await ratings(world, tenant_id)
    assert short(opening) == [("recurring", 3100)]
    assert short(back) == [("proration", -3100), ("carried", 3100), ("credit_note", -3100)]


async def test_what_a_cancellation_gives_back_beyond_the_last_invoice_is_a_credit_note(world: World) -> None:
    tenant_id = await seller(world)
    await advance(world, tenant_id, START + 10 * DAY)
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="now"))
    await world.deliver()
    await advance(world, tenant_id, START + 11 * DAY)
    _, last = await ratings(world, tenant_id)
    assert short(last) == [("proration", -2100), ("usage", 0), ("carried", 2100), ("credit_note", -2100)]
    done = (await world.events(RatingCompleted, tenant_id))[-1].payload
    assert (done.period_start, done.period_end) == (START, START + 10 * DAY)


async def test_the_order_in_which_closings_and_requests_arrive_changes_no_sum(world: World) -> None:
    tenants = [await seller(world) for _ in range(4)]
    for tenant_id in tenants:
        for day, plan in ((10, "large"), (20, "small")):
            await world.set_clock(tenant_id, START + day * DAY)
            async with world.db.tenant(tenant_id) as tx:
                await world.subscriptions.change(tx, tenant_id, "a", ChangeOrder(plan=plan, bill="now"))
    for seed, tenant_id in enumerate(tenants):
        await world.set_clock(tenant_id, MARCH + GRACE)
        while await world.wake_ups.wake_once() + await world.close_all():
            pass
        shuffled = random.Random(seed)
        await world.deliver(order=lambda events, by=shuffled: by.sample(events, len(events)))
        await advance(world, tenant_id, MARCH + GRACE)
    totals = {sum(c.amount_minor for rated in await ratings(world, t) for c in rated) for t in tenants}
    # 31.00 ahead, ten days of 62.00 in the place of 31.00, then two more months ahead at 31.00.
    assert totals == {3100 + 1000 + 2 * 3100}


async def test_the_upcoming_invoice_is_what_the_closing_then_bills(world: World) -> None:
    tenant_id = await seller(world)
    await advance(world, tenant_id, START + 10 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="7")
    await change(world, tenant_id, plan="large")
    async with world.db.tenant(tenant_id) as tx:
        upcoming = await world.rating.upcoming_invoices.of(tx, tenant_id, "a")
        with pytest.raises(NotFound):
            await world.rating.upcoming_invoices.of(tx, tenant_id, "nobody")
    await advance(world, tenant_id, FEBRUARY + GRACE)
    billed = (await ratings(world, tenant_id))[-1]
    assert [(line.kind, line.description, line.amount_minor) for line in upcoming.lines] == [
        (charge.kind, charge.description, charge.amount_minor) for charge in billed
    ]
    assert upcoming.total_minor == 700 - 2100 + 4200 + 6200


async def test_fees_and_credits_of_one_tenant_are_nothing_to_another(world: World) -> None:
    ours, theirs = await seller(world), await seller(world)
    await advance(world, ours, FEBRUARY + GRACE)
    assert len(await ratings(world, ours)) == 2
    assert [short(charges) for charges in await ratings(world, theirs)] == [[("recurring", 3100)]]
    async with world.db.tenant(theirs) as tx:
        rows = await (await tx.conn.execute("SELECT count(*) FROM interim_ratings")).fetchone()
    assert rows == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE interim_ratings SET total_minor = 0 WHERE tenant_id = %s",
        "DELETE FROM interim_ratings WHERE tenant_id = %s",
        "DELETE FROM charges WHERE tenant_id = %s",
        (
            "INSERT INTO charges SELECT tenant_id, rating_id, 99, subscription_id, rated_from, price_id, kind, description,"
            " meter_code, unit, quantity, 0, period_start, period_end, derivation FROM charges WHERE tenant_id = %s"
        ),
    ],
)
async def test_the_database_refuses_to_change_an_interim_rating(world: World, owner_url: str, statement: str) -> None:
    tenant_id = await seller(world)
    async with await psycopg.AsyncConnection.connect(owner_url) as conn:
        with pytest.raises(psycopg.errors.RestrictViolation):
            await conn.execute(statement, (tenant_id,))
    assert msgspec.json.encode(short((await ratings(world, tenant_id))[0])) == b'[["recurring",3100]]'
