"""A year is billed on 1 January and earned day by day: 365.00 over 365 days, a euro a day, closed month after month."""

from datetime import UTC, datetime
from typing import Any

from factories import NewSeller, Seller

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = [datetime(2026, month, 1, tzinfo=UTC) for month in range(2, 13)] + [datetime(2027, 1, 1, tzinfo=UTC)]


async def a_year(new_tenant: NewSeller, name: str) -> Seller:
    seller = await new_tenant(name, YEAR)
    fee: dict[str, Any] = {
        "kind": "recurring",
        "name": "Year",
        "timing": "advance",
        "product": "suite",
        "price": {"model": "flat", "amount": "365"},
    }
    await seller.plan("yearly", fee, interval="year")
    await seller.customer("acme")
    await seller.subscribe("acme", "yearly")
    await seller.advance(datetime(2026, 1, 1, 0, 1, tzinfo=UTC))
    return seller


async def test_revenue_follows_the_days_of_each_month(new_tenant: NewSeller) -> None:
    seller = await a_year(new_tenant, "Subscriber")
    assert await seller.balances() == {"Accounts receivable": 36500, "Deferred revenue": -36500}
    await seller.advance(datetime(2026, 2, 1, 0, 1, tzinfo=UTC))
    assert (await seller.balances())["Revenue: suite"] == -3100
    await seller.advance(datetime(2026, 3, 1, 0, 1, tzinfo=UTC))
    assert await seller.balances() == {
        "Accounts receivable": 36500,
        "Deferred revenue": -(36500 - 5900),
        "Revenue: suite": -5900,
    }
    await seller.advance(datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert (await seller.balances())["Deferred revenue"] == -3100
    at_july = await seller.api.get("/v1/ledger/trial-balance", as_of="2026-07-01T00:00:01Z")
    (euro,) = at_july["currencies"]
    balances = {account["name"]: account["balance_minor"] for account in euro["accounts"]}
    assert balances["Revenue: suite"] == -18100, "31 + 28 + 31 + 30 + 31 + 30 days"


async def test_a_month_that_is_closed_takes_no_posting_any_more(new_tenant: NewSeller) -> None:
    seller = await a_year(new_tenant, "Closer")
    await seller.advance(datetime(2026, 2, 10, tzinfo=UTC))
    closed = await seller.api.post("/v1/ledger/periods", {"through": "2026-01"})
    assert (closed["id"], closed["open_from"]) == ("2026-01", "2026-02-01T00:00:00Z")
    entries = [{"account": "1000", "amount_minor": 100}, {"account": "4000", "amount_minor": -100}]
    late = {"currency": "EUR", "effective_at": "2026-01-15T00:00:00Z", "description": "found later", "entries": entries}
    answer = await seller.api.send("POST", "/v1/ledger/journals", json=late)
    assert answer.status_code in (201, 409), answer.text
    if answer.status_code == 201:
        assert answer.json()["effective_at"] == "2026-02-01T00:00:00Z", "corrections go to the open month"
    january = await seller.api.get("/v1/ledger/trial-balance", as_of="2026-02-01T00:00:00Z")
    (euro,) = january["currencies"]
    assert {a["name"] for a in euro["accounts"] if a["balance_minor"]} <= {
        "Accounts receivable",
        "Deferred revenue",
        "Revenue: suite",
    }


async def test_half_a_year_given_back_is_never_earned(new_tenant: NewSeller) -> None:
    seller = await a_year(new_tenant, "Leaver")
    await seller.advance(datetime(2026, 7, 1, 12, tzinfo=UTC))
    invoice = await seller.only_invoice()
    note = await seller.api.post(
        "/v1/credit-notes",
        {"invoice_id": invoice["id"], "reason": "left", "lines": [{"line_no": 1, "amount_minor": 18400}]},
    )
    assert (note["total_minor"], note["applied_minor"]) == (18400, 18400)
    await seller.advance(datetime(2027, 1, 1, 0, 1, tzinfo=UTC))
    balances = await seller.balances()
    invoices = await seller.invoices()
    renewed = sum(i["total_minor"] for i in invoices if i["id"] != invoice["id"])
    assert balances["Accounts receivable"] == 36500 - 18400 + renewed
    assert balances["Revenue: suite"] == -(36500 - 18400)
