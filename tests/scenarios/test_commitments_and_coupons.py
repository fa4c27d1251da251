"""A least amount a month, and discounts on what was used."""

from datetime import UTC, datetime
from typing import Any

from factories import NewSeller, Seller, event, metered, per_unit, recurring

MONTHS = [datetime(2026, number, 1, tzinfo=UTC) for number in range(1, 8)]


async def committed(new_tenant: NewSeller, name: str) -> Seller:
    """100.00 a month are agreed; data costs 1.00 a GB."""
    seller = await new_tenant(name, MONTHS[0])
    await seller.meter("data", "sum")
    await seller.plan("plan", metered("Data", "data", per_unit("1.00"), unit="GB"), commitment={"amount": "100.00"})
    await seller.customer("acme")
    await seller.subscribe("acme", "plan", external_id="acme")
    return seller


async def use(seller: Seller, month: int, gb: str) -> None:
    """Use it on the 15th, and advance until the month is invoiced."""
    await seller.advance(MONTHS[month - 1].replace(day=20))
    await seller.use([event("data", "acme", MONTHS[month - 1].replace(day=15), gb)])
    await seller.advance(MONTHS[month].replace(hour=2))


def kinds(invoice: dict[str, Any]) -> list[tuple[str, int]]:
    return [(line["kind"], line["amount_minor"]) for line in invoice["lines"]]


async def test_a_commitment_missed_is_made_up_and_one_met_costs_nothing(new_tenant: NewSeller) -> None:
    seller = await committed(new_tenant, "Committed")
    await use(seller, 1, "60")
    await use(seller, 2, "130")
    missed, met = await seller.invoices()
    assert kinds(missed) == [("usage", 6000), ("commitment", 4000)]
    assert kinds(met) == [("usage", 13000)]


async def test_late_usage_first_uses_up_what_was_paid_for_the_commitment(new_tenant: NewSeller) -> None:
    seller = await committed(new_tenant, "Committed and late")
    await use(seller, 1, "60")
    await seller.use([event("data", "acme", MONTHS[0].replace(day=16), "50")])
    await use(seller, 2, "100")
    _, february = await seller.invoices()
    assert february["total_minor"] == 10000 + 1000, "January came to 110.00, of which 100.00 were paid"


async def test_a_coupon_takes_a_fifth_off_two_periods_and_then_ends(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Coupons", MONTHS[0])
    await seller.plan("plan", recurring("Fee", "49.99"))
    await seller.api.post(
        "/v1/admin/pricing/coupons",
        {"code": "SPRING", "name": "Spring", "percent_off": "0.2", "duration": "repeating", "duration_periods": 2},
    )
    await seller.customer("acme")
    await seller.subscribe("acme", "plan", coupons=["SPRING"])
    await seller.advance(MONTHS[3].replace(hour=2))
    first, second, third = await seller.invoices()
    assert kinds(first) == kinds(second) == [("recurring", 4999), ("discount", -1000)], "9.998 rounds to 10.00"
    assert kinds(third) == [("recurring", 4999)]


async def test_coupons_stack_in_the_order_in_which_they_were_redeemed(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Stacked", MONTHS[0])
    await seller.plan("plan", recurring("Fee", "100.00"))
    for code, off in (("HALF", {"percent_off": "0.5"}), ("TEN", {"amount_off_minor": 1000, "currency": "EUR"})):
        await seller.api.post(
            "/v1/admin/pricing/coupons", {"code": code, "name": code.title(), "duration": "forever", **off}
        )
    await seller.customer("acme")
    await seller.customer("other")
    await seller.subscribe("acme", "plan", external_id="acme", coupons=["HALF", "TEN"])
    await seller.subscribe("other", "plan", external_id="other", coupons=["TEN", "HALF"])
    await seller.advance(MONTHS[1].replace(hour=2))
    totals = {}
    for name in ("acme", "other"):
        customer = await seller.api.get(f"/v1/customers/{name}")
        totals[name] = (await seller.only_invoice(customer_id=customer["id"]))["total_minor"]
    assert totals == {"acme": 4000, "other": 4500}, "half of 100 less 10, and half of what 10 off leaves"


async def test_a_credit_gives_back_what_was_charged_after_the_discount(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Fair", datetime(2026, 4, 1, tzinfo=UTC))
    await seller.plan("basic", recurring("Basic", "30.00") | {"timing": "advance"})
    await seller.api.post(
        "/v1/admin/pricing/coupons", {"code": "TENTH", "name": "Tenth", "percent_off": "0.1", "duration": "once"}
    )
    await seller.customer("acme")
    await seller.subscribe("acme", "basic", external_id="acme", coupons=["TENTH"])
    await seller.advance(datetime(2026, 4, 11, tzinfo=UTC))
    assert (await seller.only_invoice())["total_minor"] == 2700
    await seller.api.post("/v1/subscriptions/acme/cancel", {"at": "now"})
    await seller.advance(datetime(2026, 4, 12, tzinfo=UTC))
    _, last = await seller.invoices()
    assert last["lines"][0]["amount_minor"] == -1800, "two thirds of 27.00, not of 30.00"
