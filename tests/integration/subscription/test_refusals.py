from typing import Any

import msgspec
import pytest
from sellers import Seller, new_seller

from corebilling.kernel.errors import Conflict, Invalid
from corebilling.pricing.schemas import PlanCreate
from corebilling.subscription.schemas import ChangeOrder, SubscriptionCreate
from parties import Parties

SEATS = {"kind": "recurring", "timing": "advance", "price": {"model": "per_unit", "unit_amount": "90"}}
MOST = "1000000000000000"


@pytest.fixture
async def seller(parties: Parties) -> Seller:
    return await new_seller(parties)


async def change(seller: Seller, method: str, **wanted: Any) -> Any:
    order = msgspec.json.decode(msgspec.json.encode(wanted), type=ChangeOrder)
    return await seller.do(method, "s-1", order)


@pytest.mark.parametrize("at", ["5", "1e5", "-1", "1767225600", "2026-03-01", "2026-03-01T00:00:00", "", "soon"])
async def test_a_moment_is_a_word_or_an_instant_and_never_a_number(seller: Seller, at: str) -> None:
    await seller.subscribe("s-1")
    with pytest.raises(Invalid) as refused:
        await change(seller, "change", plan="pro", at=at)
    assert [field.pointer for field in refused.value.fields] == ["/at"]
    assert "send" in refused.value.message
    assert "instant such as" in refused.value.message


@pytest.mark.parametrize("amount", ["0.001", "-1", "92233720368547758.08"])
async def test_a_commitment_is_an_amount_that_an_invoice_can_show(seller: Seller, amount: str) -> None:
    with pytest.raises(Invalid) as refused:
        await seller.subscribe("s-1", commitment={"amount": amount})
    assert [field.pointer for field in refused.value.fields] == ["/commitment/amount"]
    await seller.subscribe("s-1", commitment={"amount": "1.50"})
    with pytest.raises(Invalid):
        await change(seller, "change", commitment={"amount": amount})
    kept = (await seller.get("s-1")).commitment
    assert kept is not None
    assert kept.amount == "1.5"


async def test_a_subscription_of_nothing_is_not_a_paused_one(seller: Seller) -> None:
    await seller.subscribe("s-1")
    emptied = await change(seller, "change", remove=["base"])
    assert (emptied.status, emptied.items, emptied.pause) == ("active", [], None)
    (phase,) = await seller.do("phases", "s-1")
    assert (phase.state, phase.items) == ("current", [])


async def test_a_preview_of_more_than_a_document_holds_is_refused(seller: Seller, parties: Parties) -> None:
    body = {"code": "huge", "name": "Huge", "currency": "EUR", "prices": [SEATS | {"name": f"S{n}"} for n in range(3)]}
    async with parties.db.tenant(seller.id) as tx:
        await parties.pricing.create_plan(
            tx, seller.id, msgspec.json.decode(msgspec.json.encode(body), type=PlanCreate)
        )
    await seller.subscribe("s-1", "huge")
    items = [{"price": f"s{n}", "quantity": MOST} for n in range(3)]
    with pytest.raises(Invalid) as refused:
        await change(seller, "preview_change", items=items)
    assert (refused.value.code, [field.pointer for field in refused.value.fields]) == ("amount_too_large", [""])


async def test_a_coupon_that_a_batch_may_not_have_is_pointed_at_and_nothing_is_kept(seller: Seller) -> None:
    def body(number: int, *codes: str) -> dict[str, Any]:
        return {"customer_id": "acme", "plan": "basic", "external_id": f"s-{number}", "coupons": list(codes)}

    async def create(*items: dict[str, Any]) -> Any:
        data = msgspec.json.decode(msgspec.json.encode(items), type=list[SubscriptionCreate])
        async with seller.parties.db.tenant(seller.id) as tx:
            return await seller.parties.subscriptions.create_batch(tx, seller.id, data)

    for wrong, code in ((body(2, "EVER"), "coupon_used_up"), (body(2, "ONCE", "ONCE"), "coupon_repeated")):
        with pytest.raises(Conflict) as refused:
            await create(body(1, "ONCE", "EVER"), wrong)
        assert refused.value.code == code
    with pytest.raises(Invalid) as unknown:
        await create(body(1, "ONCE"), body(2, "ONCE", "NEVER"))
    assert [field.pointer for field in unknown.value.fields] == ["/items/1/coupons/1"]
    first, second, third = await create(body(1, "ONCE", "EVER"), body(2), body(3, "THRICE", "ONCE"))
    assert [[coupon.code for coupon in each.coupons] for each in (first, second, third)] == [
        ["ONCE", "EVER"], [], ["THRICE", "ONCE"],
    ]  # fmt: skip
    assert (await seller.get("s-3")).coupons == third.coupons
