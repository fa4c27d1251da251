"""A trial of fourteen days costs nothing; afterwards the subscription begins, on the day the trial ended."""

from datetime import UTC, datetime

from factories import NewSeller, Seller, event, metered, per_unit, recurring

MARCH_1, MARCH_10, MARCH_15 = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 10, 15))


async def on_trial(new_tenant: NewSeller, name: str, **wanted: str) -> Seller:
    seller = await new_tenant(name, MARCH_1)
    await seller.meter("calls", "count")
    await seller.plan(
        "pro",
        recurring("Base fee", "50.00") | {"timing": "advance"},
        metered("Calls", "calls", per_unit("0.10")),
        trial_days=14,
    )
    await seller.customer("acme")
    made = await seller.subscribe("acme", "pro", external_id="acme", **wanted)
    assert (made["status"], made["trial_end"]) == ("trialing", "2026-03-15T00:00:00Z")
    await seller.advance(MARCH_10)
    await seller.use([event("calls", "acme", MARCH_10) for _ in range(7)])
    return seller


async def test_a_trial_that_converts_is_billed_from_its_end_on(new_tenant: NewSeller) -> None:
    seller = await on_trial(new_tenant, "Converts", payment_method="card-4242")
    assert await seller.invoices() == []
    await seller.advance(datetime(2026, 3, 16, tzinfo=UTC))
    assert (await seller.api.get("/v1/subscriptions/acme"))["status"] == "active"
    opening = await seller.only_invoice()
    assert [(line["kind"], line["amount_minor"]) for line in opening["lines"]] == [("recurring", 5000)]
    assert (opening["issued_at"], opening["lines"][0]["period_end"]) == ("2026-03-15T00:00:00Z", "2026-04-15T00:00:00Z")

    await seller.use([event("calls", "acme", MARCH_15) for _ in range(3)])
    await seller.advance(datetime(2026, 4, 15, 1, tzinfo=UTC))
    _, first = await seller.invoices()
    assert (first["period_start"], first["period_end"]) == ("2026-03-15T00:00:00Z", "2026-04-15T00:00:00Z")
    assert first["total_minor"] == 30 + 5000, "calls of the trial aren't billed"


async def test_without_a_payment_method_it_ends_as_was_agreed(new_tenant: NewSeller) -> None:
    seller = await on_trial(new_tenant, "Ends", missing_payment_method="cancel")
    await seller.advance(datetime(2026, 5, 1, tzinfo=UTC))
    assert (await seller.api.get("/v1/subscriptions/acme"))["status"] == "canceled"
    assert await seller.invoices() == []


async def test_a_trial_can_be_ended_at_once(new_tenant: NewSeller) -> None:
    seller = await on_trial(new_tenant, "Impatient")
    await seller.api.post("/v1/subscriptions/acme/end-trial")
    assert (await seller.api.get("/v1/subscriptions/acme"))["status"] == "active"
    await seller.advance(datetime(2026, 4, 10, 1, tzinfo=UTC))
    opening, first = await seller.invoices()
    assert opening["issued_at"] == "2026-03-10T00:00:00Z"
    assert (first["period_start"], first["period_end"]) == ("2026-03-10T00:00:00Z", "2026-04-10T00:00:00Z")
