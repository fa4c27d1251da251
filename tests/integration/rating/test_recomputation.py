"""Stored ratings computed again from what they are pinned to, on a real database."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START, World
from corebilling.events.rating import RatingCompleted
from corebilling.kernel.charge import ChargeFinding
from corebilling.kernel.ids import new_id
from corebilling.pricing.schemas import CouponCreate
from corebilling.subscription.schemas import CancelOrder, ChangeOrder, CouponOrder, ItemIn

PRICES: list[dict[str, Any]] = [
    {
        "kind": "recurring", "code": "fee", "name": "Fee", "timing": "advance",
        "price": {"model": "per_unit", "unit_amount": "31.00"},
    },
    {
        "kind": "usage", "code": "data", "name": "Data", "meter": "data",
        "price": {
            "model": "graduated", "minimum_amount": "4.00",
            "tiers": [{"up_to": "10", "unit_amount": "0.333"}, {"up_to": None, "unit_amount": "0.1"}],
        },
    },
]  # fmt: skip


async def seller(world: World) -> UUID:
    """A tenant whose subscription `a` was used, changed, corrected, discounted and canceled, with everything billed."""
    tenant_id = await world.tenant(clock_at=START)
    async with world.db.tenant(tenant_id) as tx:
        body = {"currency": "EUR", "commitment": {"amount": "60.00"}, "prices": PRICES}
        await world.plan(tx, tenant_id, {"code": "plan", "name": "Plan", **body})
        coupon = CouponCreate(code="TEN", name="Ten", percent_off=Decimal("0.1"), duration="forever")
        await world.pricing.create_coupon(tx, tenant_id, coupon)
    await world.subscribe(tenant_id, ["a"], plan="plan")
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.add_coupon(tx, tenant_id, "a", CouponOrder("TEN"))
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="17.5")
    (wrong,) = await world.use(tenant_id, "a", START + 2 * DAY, gb="9")
    await close(world, tenant_id, FEBRUARY + GRACE)
    await world.void(tenant_id, wrong)
    await world.use(tenant_id, "a", START + 3 * DAY, gb="2")
    await world.set_clock(tenant_id, FEBRUARY + 10 * DAY)
    async with world.db.tenant(tenant_id) as tx:
        more = ChangeOrder(items=[ItemIn(price="fee", quantity=Decimal(2))], bill="now")
        await world.subscriptions.change(tx, tenant_id, "a", more)
    await close(world, tenant_id, MARCH + GRACE)
    await world.set_clock(tenant_id, MARCH + 10 * DAY)
    async with world.db.tenant(tenant_id) as tx:
        await world.subscriptions.cancel(tx, tenant_id, "a", CancelOrder(at="now"))
    await close(world, tenant_id, MARCH + 11 * DAY)
    return tenant_id


async def close(world: World, tenant_id: UUID, at: Any) -> None:
    await world.deliver()
    await world.set_clock(tenant_id, at)
    while await world.wake_ups.wake_once() + await world.close_all():
        await world.deliver()
    await world.deliver()


async def rechecked(world: World, tenant_id: UUID) -> tuple[list[UUID], list[ChargeFinding]]:
    ids = [event.payload.rating_id for event in await world.events(RatingCompleted, tenant_id)]
    async with world.db.tenants([tenant_id]) as tx:
        return ids, await world.rating.recheck(tx, tenant_id, ids)


async def test_every_rating_comes_out_as_it_is_stored(world: World) -> None:
    tenant_id = await seller(world)
    ids, found = await rechecked(world, tenant_id)
    assert len(ids) >= 4
    assert found == []
    async with world.db.tenants([tenant_id]) as tx:
        charges = await world.rating.charges(tx, [(tenant_id, rating_id) for rating_id in ids])
    kinds = {charge.kind for lines in charges.values() for charge in lines}
    assert kinds >= {"recurring", "usage", "minimum", "commitment", "discount", "carried", "credit_note", "proration"}


@pytest.mark.parametrize(
    ("change", "figures"),
    [
        ("amount_minor = amount_minor + 1 WHERE kind = 'usage'", {"amount_minor", "total_minor"}),
        ("discount_minor = discount_minor - 1 WHERE kind = 'usage'", {"discount_minor"}),
        (
            "derivation = jsonb_set(derivation::jsonb, '{quantity}', '\"3\"')::json WHERE kind = 'usage'",
            {"usage"},
        ),
        (
            "derivation = jsonb_set(derivation::jsonb, '{steps,0,unit_amount}', '\"9\"')::json WHERE kind = 'usage'",
            {"step 1"},
        ),
        ("derivation = jsonb_set(derivation::jsonb, '{engine_version}', '\"0\"')::json", {"engine_version"}),
    ],
)
async def test_what_somebody_changed_behind_our_back_is_named(
    world: World, owner_url: str, change: str, figures: set[str]
) -> None:
    mine, other = await seller(world), await seller(world)
    set_clause, _, condition = change.partition(" WHERE ")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE charges DISABLE TRIGGER USER")
        owner.execute(
            f"UPDATE charges SET {set_clause} WHERE tenant_id = %s AND {condition or 'true'}",  # type: ignore[arg-type]
            (mine,),
        )
        owner.execute("ALTER TABLE charges ENABLE TRIGGER USER")
    ids, found = await rechecked(world, mine)
    assert {finding.figure for finding in found} == figures
    assert {finding.rating_id for finding in found} <= set(ids)
    assert all(finding.stored != finding.computed for finding in found)
    assert (await rechecked(world, other))[1] == []


async def test_ratings_of_others_and_of_nobody_say_nothing(world: World) -> None:
    mine, other = await seller(world), await seller(world)
    ids, _ = await rechecked(world, mine)
    async with world.db.tenants([other]) as tx:
        assert await world.rating.recheck(tx, other, [*ids, new_id()]) == []
        assert await world.rating.recheck(tx, other, []) == []
