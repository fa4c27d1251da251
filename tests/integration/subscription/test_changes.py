from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from sellers import START, Seller, new_seller, wake

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.subscription.schemas import (
    AddOnIn,
    ChangeOrder,
    CommitmentIn,
    CouponOrder,
    ItemIn,
    SubscriptionCreate,
    SubscriptionOut,
)
from parties import Parties

DAY = timedelta(days=1)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
OWN_PRICE = msgspec.Raw(b'{"model":"per_unit","unit_amount":"7.50"}')


@pytest.fixture
async def both(parties: Parties) -> tuple[Seller, Seller]:
    return await new_seller(parties), await new_seller(parties)


async def change(seller: Seller, ref: str = "s-1", **wanted: object) -> SubscriptionOut:
    changed: SubscriptionOut = await seller.do("change", ref, ChangeOrder(**wanted))  # type: ignore[arg-type]
    return changed


async def test_a_change_now_is_another_phase_and_the_other_tenant_stays(both: tuple[Seller, Seller]) -> None:
    mine, other = both
    made = [await seller.subscribe("s-1") for seller in both]
    await mine.advance(START + 10 * DAY + timedelta(microseconds=7))
    changed = await change(mine, plan="pro", bill="now")
    assert (changed.plan_code, changed.scheduled, [item.price for item in changed.items]) == (
        "pro", False, ["base", "calls"],
    )  # fmt: skip
    phases = (await mine.contract(made[0].id)).phases
    assert [(phase.starts_at, phase.ends_at, phase.plan_id) for phase in phases] == [
        (START, START + 10 * DAY, made[0].plan_id),
        (START + 10 * DAY, None, changed.plan_id),
    ]
    _, asked = await mine.events("subscription.invoice.requested")
    assert (asked.payload["purpose"], asked.payload["request_no"]) == ("change", 2)
    (told,) = await mine.events("subscription.price.updated")
    assert [UUID(price) for price in told.payload["price_ids"]] == [item.price_id for item in changed.items]
    assert (await other.get("s-1")).plan_code == "basic"
    assert len((await other.contract(made[1].id)).phases) == 1


async def test_items_add_ons_prices_and_a_commitment_of_ones_own_come_back_as_they_were(
    both: tuple[Seller, Seller],
) -> None:
    for seller in both:
        made = await seller.subscribe(
            "s-1", "team",
            items=[{"price": "seat", "quantity": "2.5", "definition": {"model": "per_unit", "unit_amount": "7.50"}}],
            add_ons=[{"price": "extras/support", "quantity": "3"}],
            commitment={"amount": "99.90"},
        )  # fmt: skip
        seat, calls, support = made.items
        assert (seat.quantity, msgspec.json.decode(seat.definition or b"")["unit_amount"]) == ("2.5", "7.50")
        assert (support.price, support.quantity, support.add_on, calls.quantity) == ("extras/support", "3", True, "1")
        assert made.commitment is not None
        assert (made.commitment.amount, made.commitment.currency) == ("99.9", "EUR")
        assert await seller.get("s-1") == made
        (phase,) = (await seller.contract(made.id)).phases
        assert phase.commitment == Decimal("99.90")
        assert [item.quantity for item in phase.items or ()] == [Decimal("2.5"), Decimal(1), Decimal(3)]


async def test_a_plans_commitment_is_part_of_the_contract(both: tuple[Seller, Seller]) -> None:
    for seller in both:
        made = await seller.subscribe("s-1", "minimal")
        (phase,) = (await seller.contract(made.id)).phases
        assert (phase.items, phase.commitment) == (None, Decimal(100))


async def test_an_add_on_goes_by_the_id_of_its_price(both: tuple[Seller, Seller]) -> None:
    mine, other = both
    with_name = await mine.subscribe("s-1", add_ons=[{"price": "extras/support"}])
    price_id = str(with_name.items[-1].price_id)
    by_id = await mine.subscribe("s-2", add_ons=[{"price": price_id}])
    assert by_id.items[-1].price == "extras/support"
    with pytest.raises(Invalid, match="no price"):
        await other.subscribe("s-1", add_ons=[{"price": price_id}])


async def test_a_bad_price_of_ones_own_is_refused_where_it_stands(both: tuple[Seller, Seller]) -> None:
    mine, _ = both
    with pytest.raises(Invalid) as caught:
        await mine.subscribe("s-1", "team", items=[{"price": "seat", "definition": {"model": "per_unit"}}])
    assert caught.value.fields[0].pointer.startswith("/items/0/definition")
    await mine.subscribe("s-1")
    with pytest.raises(Invalid) as caught:
        await change(mine, add_ons=[AddOnIn(price="extras/support", definition=msgspec.Raw(b'{"model":"no"}'))])
    assert caught.value.fields[0].pointer.startswith("/add_ons/0/definition")


async def test_scheduled_changes_wait_are_listed_deleted_and_begin(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, other = both
    made = [await seller.subscribe("s-1", "team") for seller in both]
    for seller in both:
        await change(seller, items=[ItemIn(price="seat", quantity=Decimal(5))], at="2026-04-11T00:00:00Z")
        changed = await change(seller, plan="pro", at="renewal", remove=[])
        assert (changed.plan_code, changed.scheduled) == ("team", True)
    first, second = await mine.do("scheduled_changes", "s-1")
    assert (first.effective_at, second.effective_at, second.plan_code) == (START + 10 * DAY, MAY, "pro")
    with pytest.raises(NotFound):
        await other.do("call_off", "s-1", first.id)
    await mine.do("call_off", "s-1", second.id)
    await wake(parties, [s.due(each.id, MAY) for s, each in zip(both, made, strict=True)])
    assert [(await s.get("s-1")).plan_code for s in both] == ["team", "pro"]
    seats = (await mine.get("s-1")).items[0]
    assert (seats.price, seats.quantity) == ("seat", "5")
    assert [len((await s.contract(each.id)).phases) for s, each in zip(both, made, strict=True)] == [2, 3]
    with pytest.raises(NotFound):
        await mine.do("call_off", "s-1", first.id)


async def test_another_interval_gets_a_calendar_of_its_own(both: tuple[Seller, Seller]) -> None:
    for seller in both:
        await seller.subscribe("s-1")
        await seller.advance(START + 10 * DAY)
        changed = await change(seller, plan="yearly")
        assert (changed.interval, changed.anchor_at) == ("year", START + 10 * DAY)
        assert changed.current_period is not None
        assert (changed.current_period.index, changed.current_period.start) == (1, START + 10 * DAY)
        monthly, yearly = (await seller.events("subscription.scheduled"))[-1].payload["calendars"]
        assert (monthly["first_index"], yearly["first_index"]) == (0, 1)
        assert (yearly["anchor_at"], yearly["starts_at"]) == ("2026-04-11T00:00:00Z", "2026-04-11T00:00:00Z")


async def test_coupons_discount_periods_from_the_running_one_on(both: tuple[Seller, Seller]) -> None:
    mine, other = both
    made = await mine.subscribe("s-1", coupons=["THRICE", "EVER"])
    assert [(c.code, c.first_period, c.last_period) for c in made.coupons] == [("THRICE", 0, 2), ("EVER", 0, None)]
    with pytest.raises(Conflict):
        await mine.subscribe("s-2", coupons=["EVER"])
    await other.subscribe("s-1", coupons=["EVER"])
    await mine.advance(MAY + DAY)
    once = await mine.do("add_coupon", "s-1", CouponOrder("ONCE"))
    assert [(c.code, c.first_period, c.last_period) for c in once.coupons][-1] == ("ONCE", 1, 1)
    with pytest.raises(Conflict, match="already"):
        await mine.do("add_coupon", "s-1", CouponOrder("ONCE"))
    with pytest.raises(NotFound):
        await other.do("remove_coupon", "s-1", once.coupons[0].id)
    left = await mine.do("remove_coupon", "s-1", once.coupons[0].id)
    assert [coupon.code for coupon in left.coupons] == ["EVER", "ONCE"]
    contract = await mine.contract(made.id)
    assert [(c.code, c.first_index, c.last_index) for c in contract.coupons] == [
        ("THRICE", 0, 0), ("EVER", 0, None), ("ONCE", 1, 1),
    ]  # fmt: skip
    with pytest.raises(Invalid) as caught:
        await mine.subscribe("s-3", coupons=["ONCE", "NOBODY"])
    assert caught.value.fields[0].pointer == "/coupons/1"


async def test_a_preview_changes_nothing_and_shows_what_the_change_is(both: tuple[Seller, Seller]) -> None:
    mine, other = both
    made = await mine.subscribe("s-1", "metered")
    await mine.advance(START + 15 * DAY)
    order = ChangeOrder(plan="basic", bill="now")
    shown = await mine.do("preview_change", "s-1", order)
    assert [(line.kind, line.description, line.amount_minor) for line in shown.lines] == [
        ("proration", "Remaining time of Base, 2026-04-16 to 2026-04-30", 1500)
    ]
    assert shown.total_minor == 1500
    assert (shown.effective_at, shown.currency) == (START + 15 * DAY, "EUR")
    assert ((await mine.get("s-1")).plan_code, (await mine.get("s-1")).updated_at) == ("metered", made.updated_at)
    with pytest.raises(NotFound):
        await other.do("preview_change", str(made.id), order)
    later = await mine.do("preview_change", "s-1", ChangeOrder(plan="basic", at="renewal"))
    assert later.effective_at == MAY


async def test_what_makes_no_sense_is_refused_with_its_place(both: tuple[Seller, Seller]) -> None:
    mine, _ = both
    await mine.subscribe("s-1")

    async def pointer(**wanted: object) -> str:
        with pytest.raises((Invalid, Conflict)) as caught:
            await change(mine, **wanted)
        return caught.value.fields[0].pointer if caught.value.fields else caught.value.code

    assert await pointer() == ""
    assert await pointer(plan="nothing") == "/plan"
    assert await pointer(plan="basic") == "nothing_changes"
    assert await pointer(items=[ItemIn(price="seat", quantity=Decimal(2))]) == "/items/0/price"
    assert await pointer(remove=["seat"]) == "/remove/0"
    assert await pointer(add_ons=[AddOnIn(price="yearly/base")]) == "/add_ons/0/price"
    assert await pointer(commitment=CommitmentIn(Decimal(-1))) == "/commitment/amount"
    assert await pointer(plan="pro", at="tomorrow") == "/at"
    assert await pointer(plan="pro", at="2020-01-01T00:00:00Z") == "/at"


async def test_a_new_version_of_a_plan_is_a_change_like_any_other(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, _ = both
    made = [await seller.subscribe("s-1", "pro") for seller in both]
    assert made[0].plan_version == 1
    await mine.publish("pro", "80.00")
    async with parties.db.tenant(mine.id) as tx:
        found = await parties.subscriptions.find(tx, mine.id, after=None, limit=9, plan="pro@1")
        none = await parties.subscriptions.find(tx, mine.id, after=None, limit=9, plan="pro@2")
        dated = await parties.subscriptions.find(
            tx, mine.id, after=None, limit=9, created_from=made[0].created_at, created_until=made[0].created_at + DAY
        )
        before = await parties.subscriptions.find(tx, mine.id, after=None, limit=9, created_until=made[0].created_at)
    assert [each.id for each in found] == [made[0].id] == [each.id for each in dated]
    assert none == before == []
    changed = await change(mine, plan="pro")
    assert (changed.plan_version, changed.plan_id != made[0].plan_id) == (2, True)
    assert (await both[1].get("s-1")).plan_version == 1


async def test_a_batch_with_everything_is_stored_in_few_statements(
    parties: Parties, both: tuple[Seller, Seller]
) -> None:
    mine, _ = both
    items = [
        SubscriptionCreate(
            customer_id="acme", plan="team", external_id=f"s-{n}", trial_days=n % 3,
            items=[ItemIn(price="seat", quantity=Decimal(n + 1))], add_ons=[AddOnIn(price="extras/support")],
            consolidate=n % 2 == 0,
        )
        for n in range(300)
    ]  # fmt: skip
    async with parties.db.tenant(mine.id) as tx:
        made = await parties.subscriptions.create_batch(tx, mine.id, items)
    assert [each.items[0].quantity for each in made] == [str(n + 1) for n in range(300)]
    async with parties.db.tenants([mine.id]) as tx:
        contracts = await parties.subscriptions.contracts(tx, [(mine.id, each.id) for each in made])
    assert len(contracts) == 300
    keys = {e.payload["group_key"] for e in await mine.events("subscription.scheduled")}
    assert len(keys - {None}) == 1
    assert await mine.do("scheduled_changes", "s-7") == []
    with pytest.raises(NotFound):
        await mine.do("call_off", "s-7", new_id())
