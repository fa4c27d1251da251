"""An accountant takes the books over: every journal once, in batches, in the words of the general ledger outside."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from beancount import loader
from beancount.core.data import Transaction

from factories import NewSeller, Seller

JANUARY = datetime(2026, 1, 20, 9, tzinfo=UTC)


async def a_business(new_tenant: NewSeller, name: str) -> Seller:
    """In January an invoice of 119.00 with 19 % tax, of which 50.00 is paid; another one in February."""
    seller = await new_tenant(name, JANUARY, country="DE", time_zone="Europe/Berlin")
    await seller.api.post("/v1/admin/pricing/tax-rates", {"name": "VAT", "rate": "0.19", "country": "DE"})
    await seller.customer("acme", billing_address={"city": "Köln", "country": "DE"})
    await issue_and_pay(seller)
    await seller.advance(datetime(2026, 2, 3, tzinfo=UTC))
    await issue_and_pay(seller)
    return seller


async def issue_and_pay(seller: Seller) -> None:
    order = {"customer_id": "acme", "lines": [{"description": "Work", "unit_amount": "100"}], "finalize": True}
    invoice = await seller.api.post("/v1/invoices", order)
    part = {"invoice_id": invoice["id"], "method": "cash", "reference": "=SUM(1)", "amount_minor": 5000}
    await seller.api.post("/v1/payments", part)


async def export(seller: Seller, **query: Any) -> str:
    answer = await seller.api.send("GET", "/v1/ledger/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_month_is_what_beancount_balances(new_tenant: NewSeller) -> None:
    seller = await a_business(new_tenant, "Beans")
    entries, errors, _ = loader.load_string(await export(seller, period="2026-01", format="beancount"))
    assert errors == []
    sums: dict[str, Decimal] = {}
    for booked in (one for one in entries if isinstance(one, Transaction)):
        for posting in booked.postings:
            assert posting.units.number is not None
            sums[posting.account] = sums.get(posting.account, Decimal(0)) + posting.units.number
    assert sums == {
        "Assets:1000:Cash": Decimal("50.00"),
        "Assets:1200:Accounts-receivable": Decimal("69.00"),
        "Income:4000:Revenue": Decimal("-100.00"),
        "Liabilities:2200:Tax-payable": Decimal("-19.00"),
    }


async def test_every_journal_is_in_one_batch_and_a_batch_stays_what_it_was(new_tenant: NewSeller) -> None:
    seller = await a_business(new_tenant, "Batches")
    first = await seller.api.post("/v1/ledger/export-batches", {"period": "2026-01"})
    assert (first["id"], first["journal_count"]) == (1, 2)
    nothing = await seller.api.send("POST", "/v1/ledger/export-batches", json={"period": "2026-01"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_export")
    before = await export(seller, batch=1, format="csv")
    late = [{"account": "1000", "amount_minor": -300}, {"account": "5000", "amount_minor": 300}]
    found = {"currency": "EUR", "effective_at": "2026-01-31T12:00:00Z", "description": "bank fee", "entries": late}
    await seller.api.post("/v1/ledger/journals", found)
    second = await seller.api.post("/v1/ledger/export-batches", {"period": "2026-01"})
    third = await seller.api.post("/v1/ledger/export-batches", {"period": "2026-02"})
    assert [(b["id"], b["journal_count"]) for b in (second, third)] == [(2, 1), (3, 2)]
    assert await export(seller, batch=1, format="csv") == before
    ids = [
        json.loads(line)["journal_id"]
        for number in (1, 2, 3)
        for line in (await export(seller, batch=number, format="jsonl")).splitlines()
    ]
    assert len(ids) == len(set(ids)) == 5
    assert [batch["id"] for batch in (await seller.api.get("/v1/ledger/export-batches"))["data"]] == [3, 2, 1]


async def test_accounts_go_by_the_names_of_the_other_ledger(new_tenant: NewSeller) -> None:
    seller = await a_business(new_tenant, "Names")
    names = {"1200": "1400 Forderungen", "4000": "8400 Erlöse 19 %"}
    await seller.api.patch("/v1/ledger/account-mapping", {"accounts": names})
    rows = list(csv.DictReader(io.StringIO(await export(seller, period="2026-01", format="csv"))))
    assert {row["account"] for row in rows} == {"1000", "1400 Forderungen", "2200", "8400 Erlöse 19 %"}
    assert sum(Decimal(row["debit"] or 0) for row in rows) == sum(Decimal(row["credit"] or 0) for row in rows)
    assert "    1400 Forderungen  119.00 EUR" in await export(seller, period="2026-01", format="hledger")
    unknown = await seller.api.send("PATCH", "/v1/ledger/account-mapping", json={"accounts": {"9999": "x"}})
    assert unknown.status_code == 422


async def test_one_tenant_exports_nothing_of_another(new_tenant: NewSeller) -> None:
    seller, other = await a_business(new_tenant, "Mine"), await new_tenant("Other", JANUARY)
    await seller.api.post("/v1/ledger/export-batches", {"period": "2026-01"})
    assert len((await export(other, period="2026-01")).splitlines()) == 1, "the heading alone"
    foreign = await other.api.send("GET", "/v1/ledger/export", params={"batch": 1})
    assert foreign.status_code == 404
