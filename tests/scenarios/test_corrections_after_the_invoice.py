"""An event that never should have been: it is voided after its month was invoiced.

Data costs 1.00 a GB. January: 10 GB and 5 GB, invoiced as 15.00; then the 5 GB turn out to be wrong. February: 8 GB.
"""

from datetime import UTC, datetime
from typing import Any

from factories import NewSeller, Seller, event, metered, per_unit

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


async def a_january(new_tenant: NewSeller, name: str, **wanted: Any) -> tuple[Seller, str]:
    seller = await new_tenant(name, JANUARY, **wanted)
    await seller.meter("data", "sum")
    await seller.plan("plan", metered("Data", "data", per_unit("1.00"), unit="GB"))
    await seller.customer("acme")
    await seller.subscribe("acme", "plan")
    await seller.advance(datetime(2026, 1, 20, tzinfo=UTC))
    right, wrong = (event("data", "acme", datetime(2026, 1, 15, tzinfo=UTC), value) for value in ("10", "5"))
    await seller.use([right, wrong])
    await seller.advance(datetime(2026, 2, 2, tzinfo=UTC))
    assert (await seller.only_invoice())["total_minor"] == 1500
    return seller, wrong["id"]


async def test_a_voided_event_comes_off_the_next_invoice_with_both_figures(new_tenant: NewSeller) -> None:
    seller, wrong = await a_january(new_tenant, "Voided")
    january = await seller.only_invoice()
    await seller.api.post("/v1/usage/events/void", {"id": wrong, "reason": "counted twice by the gateway"})
    await seller.use([event("data", "acme", FEBRUARY, "8")])
    await seller.advance(datetime(2026, 3, 2, tzinfo=UTC))

    unchanged, february = await seller.invoices()
    assert unchanged["lines"] == january["lines"]
    usage, adjustment = february["lines"]
    assert (usage["kind"], usage["quantity"], usage["amount_minor"]) == ("usage", "8", 800)
    assert (adjustment["kind"], adjustment["amount_minor"]) == ("adjustment", -500)
    assert (adjustment["period_start"], adjustment["period_end"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    assert february["total_minor"] == 300
    (told,) = (
        line
        for line in (await seller.api.get(f"/v1/invoices/{february['id']}/explain"))["lines"]
        if line["kind"] == "adjustment"
    )
    assert (told["exact_amount"], told["already_billed_minor"]) == ("10", 1500)

    (kept,) = (await seller.api.get("/v1/usage/corrections"))["data"]
    assert (kept["kind"], kept["reason"]) == ("void", "counted twice by the gateway")


async def test_a_credit_greater_than_the_next_invoice_is_carried_until_it_is_used_up(new_tenant: NewSeller) -> None:
    seller, wrong = await a_january(new_tenant, "Carried")
    await seller.api.post("/v1/usage/events/void", {"id": wrong, "reason": "a test of ours"})
    await seller.use([event("data", "acme", FEBRUARY, "2")])
    await seller.advance(datetime(2026, 3, 2, tzinfo=UTC))
    await seller.use([event("data", "acme", MARCH, "4")])
    await seller.advance(datetime(2026, 4, 2, tzinfo=UTC))
    _, february, march = await seller.invoices()
    assert [(line["kind"], line["amount_minor"]) for line in february["lines"]] == [
        ("usage", 200),
        ("adjustment", -500),
        ("carried", 300),
    ]
    assert february["total_minor"] == 0
    assert [(line["kind"], line["amount_minor"]) for line in march["lines"]] == [("usage", 400), ("carried", -300)]
    assert march["total_minor"] == 100


async def test_where_the_tenant_wants_it_so_the_correction_is_a_credit_note(new_tenant: NewSeller) -> None:
    seller, wrong = await a_january(new_tenant, "Credited", correction_mode="credit_note")
    await seller.api.post("/v1/usage/events/void", {"id": wrong, "reason": "counted twice by the gateway"})
    await seller.use([event("data", "acme", FEBRUARY, "8")])
    await seller.advance(datetime(2026, 3, 2, tzinfo=UTC))
    january, february = await seller.invoices()
    assert (february["total_minor"], [line["kind"] for line in february["lines"]]) == (800, ["usage"])
    (note,) = (await seller.api.get("/v1/credit-notes"))["data"]
    assert (note["invoice_id"], note["total_minor"]) == (january["id"], 500)
    assert note["number"].startswith("CN-2026-")
    assert await seller.balances() == {"Accounts receivable": 1800, "Revenue": -1800}


async def test_an_amended_event_in_an_open_period_is_simply_rated_anew(new_tenant: NewSeller) -> None:
    seller, _ = await a_january(new_tenant, "Amended")
    february = event("data", "acme", FEBRUARY, "80")
    await seller.use([february])
    await seller.api.post(
        "/v1/usage/events/amend",
        {"id": february["id"], "change": {"value": "8"}, "reason": "a decimal point was missing"},
    )
    await seller.advance(datetime(2026, 3, 2, tzinfo=UTC))
    _, invoice = await seller.invoices()
    assert [(line["quantity"], line["amount_minor"]) for line in invoice["lines"]] == [("8", 800)]
