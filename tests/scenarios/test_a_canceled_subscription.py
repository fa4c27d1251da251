"""A subscription canceled in February gets its invoice for February, and no more."""

from datetime import UTC, datetime

from factories import NewSeller, event, metered, per_unit, recurring


async def test_its_last_period_is_billed_and_none_after_it(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Leaving", datetime(2026, 1, 1, tzinfo=UTC))
    await seller.meter("calls", "count")
    await seller.plan("pro", recurring("Base fee", "20"), metered("Calls", "calls", per_unit("0.25")))
    await seller.customer("acme")
    subscription = await seller.subscribe("acme", "pro", external_id="contract-7")

    await seller.advance(datetime(2026, 2, 10, tzinfo=UTC))
    order = await seller.api.post("/v1/subscriptions/contract-7/cancel", {"at": "period_end"})
    assert (order["status"], order["cancel_at"]) == ("active", "2026-03-01T00:00:00Z")
    await seller.use([event("calls", "acme", datetime(2026, 2, 9, tzinfo=UTC)) for _ in range(10)])

    await seller.advance(datetime(2026, 6, 1, tzinfo=UTC))
    assert [(i["period_end"], i["total_minor"]) for i in await seller.invoices()] == [
        ("2026-02-01T00:00:00Z", 2000),
        ("2026-03-01T00:00:00Z", 2250),
    ]
    assert (await seller.api.get("/v1/subscriptions/contract-7"))["status"] == "canceled"
    cycles = await seller.api.get(f"/v1/subscriptions/{subscription['id']}/cycles")
    assert [cycle["state"] for cycle in cycles["data"]] == ["closed", "closed"]

    afterwards = await seller.api.post("/v1/usage", [event("calls", "acme", datetime(2026, 5, 31, tzinfo=UTC))])
    assert afterwards["items"][0]["code"] == "outside_subscription"
    again = await seller.api.send("POST", "/v1/subscriptions/contract-7/cancel", json={"at": "period_end"})
    assert again.status_code == 409
