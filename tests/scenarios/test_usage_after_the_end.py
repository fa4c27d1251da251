"""Usage, and corrections, of a subscription that has had its last invoice.

Data costs 1.00 a GB. The subscription is canceled on 20 January and invoiced with 10 GB and 5 GB, 15.00. What comes after
waits a day for more, then there is one more invoice.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from factories import NewSeller, Seller, event, hours, metered, per_unit, recurring

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 20, tzinfo=UTC)
USED_AT = datetime(2026, 1, 15, tzinfo=UTC)
DAY = timedelta(days=1)


async def an_ended_one(new_tenant: NewSeller, name: str, **wanted: Any) -> tuple[Seller, str]:
    seller = await new_tenant(name, START, **wanted)
    await seller.meter("data", "sum")
    await seller.plan("plan", metered("Data", "data", per_unit("1.00"), unit="GB"), recurring("Fee", "31.00"))
    await seller.customer("acme")
    await seller.subscribe("acme", "plan", external_id="acme")
    await seller.advance(END)
    right, wrong = (event("data", "acme", USED_AT, value) for value in ("10", "5"))
    await seller.use([right, wrong])
    await seller.api.post("/v1/subscriptions/acme/cancel", {"at": "now"})
    await seller.advance(END + hours(2))
    assert (await seller.only_invoice())["total_minor"] == 1500 + 1900
    return seller, wrong["id"]


async def test_it_is_on_one_more_invoice_with_all_that_came_within_a_day(new_tenant: NewSeller) -> None:
    seller, _ = await an_ended_one(new_tenant, "Late after the end")
    await seller.use([event("data", "acme", USED_AT, "7")])
    await seller.advance(END + hours(12))
    await seller.use([event("data", "acme", END - hours(1), "4")])
    await seller.advance(END + hours(25))
    assert len(await seller.invoices()) == 1
    await seller.advance(END + hours(27))
    _, late = await seller.invoices()
    assert (late["purpose"], late["total_minor"]) == ("late", 1100)
    assert [(line["kind"], line["amount_minor"]) for line in late["lines"]] == [("late_usage", 1100)]
    assert (late["lines"][0]["period_start"], late["lines"][0]["period_end"]) == (
        "2026-01-01T00:00:00Z",
        "2026-01-20T00:00:00Z",
    )

    await seller.use([event("data", "acme", USED_AT, "2")])
    await seller.advance(END + 4 * DAY)
    assert [invoice["total_minor"] for invoice in await seller.invoices()] == [3400, 1100, 200], "each is billed once"
    await seller.advance(END + 60 * DAY)
    assert len(await seller.invoices()) == 3
    assert await seller.balances() == {"Accounts receivable": 4700, "Revenue": -4700}


async def test_a_void_after_the_end_goes_to_the_wallet_which_pays_for_later_usage(new_tenant: NewSeller) -> None:
    seller, wrong = await an_ended_one(new_tenant, "Voided after the end")
    invoice = await seller.only_invoice()
    await seller.api.post("/v1/payments", {"invoice_id": invoice["id"], "method": "cash", "reference": "till"})
    await seller.api.post("/v1/usage/events/void", {"id": wrong, "reason": "counted twice"})
    await seller.advance(END + 2 * DAY)
    await seller.use([event("data", "acme", USED_AT, "6")])
    await seller.advance(END + 4 * DAY)
    _, credit, late = await seller.invoices()
    assert [(line["kind"], line["amount_minor"]) for line in credit["lines"]] == [
        ("adjustment", -500),
        ("carried", 500),
    ]
    (note,) = (await seller.api.get("/v1/credit-notes"))["data"]
    assert (note["total_minor"], note["unapplied_minor"]) == (500, 500)
    assert [(line["kind"], line["amount_minor"]) for line in late["lines"]] == [("late_usage", 600)]
    assert (credit["total_minor"], late["total_minor"], late["prepaid_minor"]) == (0, 600, 500)
    assert await seller.balances() == {"Cash": 3400, "Accounts receivable": 100, "Revenue": -3500}


async def test_it_lowers_the_last_invoice_while_that_is_unpaid(new_tenant: NewSeller) -> None:
    seller, wrong = await an_ended_one(new_tenant, "Voided and unpaid")
    await seller.api.post("/v1/usage/events/void", {"id": wrong, "reason": "counted twice"})
    await seller.advance(END + 2 * DAY)
    (note,) = (await seller.api.get("/v1/credit-notes"))["data"]
    assert (note["total_minor"], note["unapplied_minor"]) == (500, 0)
    assert await seller.balances() == {"Accounts receivable": 2900, "Revenue": -2900}


@pytest.mark.parametrize("inclusive", [False, True])
async def test_its_tax_comes_back_with_it(new_tenant: NewSeller, inclusive: bool) -> None:
    """All that was held back when the credit was carried, so revenue and tax are as if nothing had been counted twice."""
    seller = await new_tenant(f"Taxed, {inclusive}", START, country="FR")
    rate = {"name": "VAT", "rate": "0.2", "country": "FR", "inclusive": inclusive}
    await seller.api.post("/v1/admin/pricing/tax-rates", rate)
    await seller.meter("data", "sum")
    await seller.plan("plan", metered("Data", "data", per_unit("1.00"), unit="GB"))
    await seller.customer("acme", billing_address={"city": "Paris", "country": "FR"})
    await seller.subscribe("acme", "plan", external_id="acme")
    await seller.advance(END)
    right, wrong = (event("data", "acme", USED_AT, value) for value in ("12", "6"))
    await seller.use([right, wrong])
    await seller.api.post("/v1/subscriptions/acme/cancel", {"at": "now"})
    await seller.advance(END + hours(2))
    assert (await seller.only_invoice())["total_minor"] == (1800 if inclusive else 2160)
    await seller.api.post("/v1/usage/events/void", {"id": wrong["id"], "reason": "counted twice"})
    await seller.advance(END + 2 * DAY)
    (row,) = (await seller.api.get("/v1/credit-notes"))["data"]
    note = await seller.api.get(f"/v1/credit-notes/{row['id']}")
    assert (note["total_minor"], note["tax_minor"]) == ((600, 0) if inclusive else (720, 120))
    assert [tax["tax_minor"] for line in note["lines"] for tax in line["taxes"]] == [100 if inclusive else 120]
    assert await seller.balances() == (
        {"Accounts receivable": 1200, "Revenue": -1000, "Tax payable": -200}
        if inclusive
        else {"Accounts receivable": 1440, "Revenue": -1200, "Tax payable": -240}
    )


async def test_a_void_is_a_credit_note_alone_where_the_tenant_wants_those(new_tenant: NewSeller) -> None:
    seller, wrong = await an_ended_one(new_tenant, "Credited after the end", correction_mode="credit_note")
    await seller.api.post("/v1/usage/events/void", {"id": wrong, "reason": "counted twice"})
    await seller.advance(END + 2 * DAY)
    invoice = await seller.only_invoice()
    (note,) = (await seller.api.get("/v1/credit-notes"))["data"]
    assert (note["invoice_id"], note["total_minor"]) == (invoice["id"], 500)
    assert await seller.balances() == {"Accounts receivable": 2900, "Revenue": -2900}
