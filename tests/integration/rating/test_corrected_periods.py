"""Usage of a closed period that comes late or is taken back: what it changes, and where that is billed."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START, World
from corebilling.events.rating import RatingCompleted
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.charge import BilledCharge
from corebilling.pricing.schemas import CouponCreate
from corebilling.rating.domain.engine import formula
from corebilling.subscription.schemas import CancelOrder, CouponOrder


async def seller(world: World, *, plan: dict[str, Any] | None = None, **more: Any) -> UUID:
    """A tenant with a subscription `a` to data at 1.00 a GB."""
    tenant_id = await world.tenant(clock_at=START, **more)
    price = {"model": "per_unit", "unit_amount": "1.00"}
    async with world.db.tenant(tenant_id) as tx:
        prices = [{"kind": "usage", "code": "data", "name": "Data", "meter": "data", "price": price}]
        await world.plan(
            tx, tenant_id, {"code": "plan", "name": "Plan", "currency": "EUR", "prices": prices, **(plan or {})}
        )
    await world.subscribe(tenant_id, ["a"], plan="plan")
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    return tenant_id


async def close(world: World, tenant_id: UUID, end: Any) -> tuple[tuple[BilledCharge, ...], int]:
    """Close the period that ends then: its charges, and the total that goes on the invoice."""
    await world.set_clock(tenant_id, end + GRACE)
    await world.close_all()
    await world.deliver()
    done = (await world.events(RatingCompleted, tenant_id))[-1].payload
    assert done.period_end == end
    async with world.db.tenants([tenant_id]) as tx:
        return (await world.rating.charges(tx, [(tenant_id, done.rating_id)]))[
            tenant_id, done.rating_id
        ], done.total_minor


def short(charges: tuple[BilledCharge, ...]) -> list[tuple[str, int]]:
    return [(charge.kind, charge.amount_minor) for charge in charges]


async def a_wrong_event(world: World, tenant_id: UUID) -> str:
    """January with 10 and 5 GB, closed; the five are the wrong ones."""
    await world.use(tenant_id, "a", START + DAY, gb="10")
    (wrong,) = await world.use(tenant_id, "a", START + 2 * DAY, gb="5")
    await close(world, tenant_id, FEBRUARY)
    return wrong


async def test_what_is_taken_back_comes_off_the_next_invoice_with_both_figures(world: World) -> None:
    tenant_id = await seller(world)
    await world.void(tenant_id, await a_wrong_event(world, tenant_id))
    await world.use(tenant_id, "a", FEBRUARY, gb="8")
    charges, total = await close(world, tenant_id, MARCH)
    assert (short(charges), total) == ([("usage", 800), ("adjustment", -500)], 300)
    adjusted = charges[1]
    assert adjusted.description == "Data, correction of 2026-01-01 to 2026-01-31"
    assert (adjusted.quantity, adjusted.period_start, adjusted.period_end) == (-5, START, FEBRUARY)
    assert adjusted.derivation.note == "10.00 instead of 15.00 that were billed"
    assert (formula(adjusted.derivation), adjusted.derivation.already_billed_minor) == ("10 x 1 = 10", 1500)
    charges, _ = await close(world, tenant_id, MARCH + 31 * DAY)
    assert short(charges) == [("usage", 0)], "it is settled once"


async def test_a_tenant_that_wants_credit_notes_gets_a_credit_beside_the_invoice(world: World) -> None:
    tenant_id = await seller(world, correction_mode="credit_note")
    await world.void(tenant_id, await a_wrong_event(world, tenant_id))
    await world.use(tenant_id, "a", FEBRUARY, gb="2")
    charges, total = await close(world, tenant_id, MARCH)
    assert (short(charges), total) == ([("usage", 200), ("credit_note", -500)], 200)


async def test_where_more_came_in_than_was_taken_back_there_is_no_credit_note(world: World) -> None:
    prices = [
        {
            "kind": "usage",
            "code": meter,
            "name": meter,
            "meter": meter,
            "price": {"model": "per_unit", "unit_amount": "1"},
        }
        for meter in ("data", "calls")
    ]
    tenant_id = await seller(world, plan={"prices": prices}, correction_mode="credit_note")
    await world.void(tenant_id, await a_wrong_event(world, tenant_id))
    await world.use(tenant_id, "a", START + DAY, calls=7)
    charges, total = await close(world, tenant_id, MARCH)
    assert short(charges) == [("usage", 0), ("usage", 0), ("adjustment", -500), ("late_usage", 700)]
    assert total == 200


async def test_a_correction_gives_the_discount_on_it_back_too(world: World) -> None:
    tenant_id = await seller(world)
    async with world.db.tenant(tenant_id) as tx:
        await world.pricing.create_coupon(
            tx, tenant_id, CouponCreate(code="FIFTH", name="Fifth", percent_off=Decimal("0.2"), duration="once")
        )
        await world.subscriptions.add_coupon(tx, tenant_id, "a", CouponOrder(code="FIFTH"))
    await world.deliver()
    wrong = await a_wrong_event(world, tenant_id)
    await world.void(tenant_id, wrong)
    await world.use(tenant_id, "a", FEBRUARY, gb="9")
    charges, _ = await close(world, tenant_id, MARCH)
    assert short(charges) == [("usage", 900), ("adjustment", -400)], "5.00 less the fifth that was given on them"
    await world.use(tenant_id, "a", START + 28 * DAY, gb="1")
    charges, _ = await close(world, tenant_id, MARCH + 31 * DAY)
    assert short(charges) == [("usage", 0), ("late_usage", 100), ("discount", -20)], "January's percentage, not March's"


async def test_late_usage_first_uses_up_the_commitment_s_true_up(world: World) -> None:
    tenant_id = await seller(world, plan={"commitment": {"amount": "100.00"}})
    await world.use(tenant_id, "a", START + DAY, gb="60")
    january, _ = await close(world, tenant_id, FEBRUARY)
    assert short(january) == [("usage", 6000), ("commitment", 4000)]
    await world.use(tenant_id, "a", START + 2 * DAY, gb="50")
    await world.use(tenant_id, "a", FEBRUARY, gb="100")
    february, total = await close(world, tenant_id, MARCH)
    assert short(february) == [("usage", 10000), ("late_usage", 5000), ("adjustment", -4000)]
    assert total == 11000
    assert february[-1].derivation.note == "0.00 instead of 40.00 that were billed"
    await world.use(tenant_id, "a", START + 28 * DAY, gb="1")
    march, _ = await close(world, tenant_id, MARCH + 31 * DAY)
    assert short(march) == [("usage", 0), ("commitment", 10000), ("late_usage", 100)]


async def test_a_credit_beyond_the_invoice_is_carried_until_it_is_used_up(world: World) -> None:
    tenant_id = await seller(world)
    await world.void(tenant_id, await a_wrong_event(world, tenant_id))
    bills = [await close(world, tenant_id, MARCH)]
    for end in (MARCH + 31 * DAY, MARCH + 61 * DAY):
        await world.set_clock(tenant_id, end - DAY)
        await world.use(tenant_id, "a", end - DAY, gb="4")
        bills.append(await close(world, tenant_id, end))
    assert [short(charges) for charges, _ in bills] == [
        [("usage", 0), ("adjustment", -500), ("carried", 500)],
        [("usage", 400), ("carried", -400)],
        [("usage", 400), ("carried", -100)],
    ]
    assert [total for _, total in bills] == [0, 0, 300]


async def test_what_is_still_carried_at_the_end_goes_on_a_credit_note_and_is_carried_no_more(world: World) -> None:
    tenant_id, other = await seller(world), await seller(world)
    for each in (tenant_id, other):
        await world.void(each, await a_wrong_event(world, each))
        await close(world, each, MARCH)
    await world.set_clock(tenant_id, MARCH + 10 * DAY)
    await world.use(tenant_id, "a", MARCH + DAY, gb="2")
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="now"))
    await world.deliver()
    last, total = await close(world, tenant_id, MARCH + 10 * DAY)
    assert short(last) == [("usage", 200), ("carried", -200), ("credit_note", -300)]
    assert (total, last[-1].derivation.model) == (0, "carried")
    async with world.db.tenants([tenant_id, other]) as tx:
        rows = await (await tx.conn.execute("SELECT tenant_id, carried_minor FROM billed_epochs")).fetchall()
    assert set(rows) == {(tenant_id, 0), (other, 500)}


async def test_a_close_that_comes_again_neither_corrects_nor_carries_twice(world: World) -> None:
    tenant_id = await seller(world)
    await world.void(tenant_id, await a_wrong_event(world, tenant_id))
    await close(world, tenant_id, MARCH)
    closed = await world.events(BillingCycleClosed, tenant_id)
    for _ in range(2):
        await world.handle(BillingCycleClosed, list(reversed(closed)))
    assert len(await world.events(RatingCompleted, tenant_id)) == 2
    async with world.db.tenant(tenant_id) as tx:
        rows = await (await tx.conn.execute("SELECT carried_minor FROM billed_epochs")).fetchall()
    assert rows == [(500,)]
