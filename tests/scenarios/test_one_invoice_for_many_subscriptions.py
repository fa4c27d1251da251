"""A customer with three subscriptions, two of which go on one invoice."""

from datetime import UTC, datetime

from factories import NewSeller, event, metered, per_unit, recurring

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, 2, tzinfo=UTC)


async def test_what_was_asked_to_be_together_is_on_one_invoice(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Together", JANUARY)
    await seller.meter("data", "sum")
    await seller.plan("line", recurring("Line", "10.00"), metered("Data", "data", per_unit("1.00")))
    await seller.customer("acme")
    for name, together in (("one", True), ("two", True), ("three", False)):
        await seller.subscribe("acme", "line", external_id=name, consolidate=together)
    await seller.advance(JANUARY.replace(day=20))
    made = [event("data", "acme", JANUARY.replace(day=15), "3") for _ in range(3)]
    for name, one in zip(("one", "two", "three"), made, strict=True):
        del one["customer_id"]
        one["subscription_id"] = name
    await seller.use(made)
    await seller.advance(FEBRUARY)
    both, single = sorted(await seller.invoices(), key=lambda invoice: -invoice["total_minor"])
    assert (both["total_minor"], single["total_minor"]) == (2600, 1300)
    assert [line["amount_minor"] for line in both["lines"]] == [1000, 300, 1000, 300]
    assert both["subscription_id"] is None
    assert await seller.balances() == {"Accounts receivable": 3900, "Revenue": -3900}
