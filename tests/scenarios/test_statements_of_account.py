"""A customer's account over two months, as the statements tell it: invoiced, paid in part, credited, and paid too much."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

from corebilling.cli.client import until
from factories import PATIENCE_SECONDS, NewSeller, Seller

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


async def invoice(seller: Seller, customer: str, amount: str, currency: str = "EUR") -> dict[str, Any]:
    lines = [{"description": "Work", "unit_amount": amount}]
    body = {"customer_id": customer, "lines": lines, "finalize": True, "currency": currency}
    return await seller.api.post("/v1/invoices", body)


async def statements_of(seller: Seller, month: str) -> dict[str, Any]:
    """Run them; the finished job."""
    job = await seller.api.post("/v1/statements", {"period": month})

    async def done() -> bool:
        job.update(await seller.api.get(f"/v1/jobs/{job['id']}"))
        return bool(job["state"] == "succeeded")

    await until(done, seconds=PATIENCE_SECONDS, what=f"the statements of {month}")
    return job


async def test_two_months_of_an_account_and_both_currencies_of_another(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Stated", JANUARY)
    await seller.customer("acme", locale="fr")
    await seller.customer("globex")
    await seller.customer("idle")

    await seller.advance(datetime(2026, 1, 10, tzinfo=UTC))
    first = await invoice(seller, "acme", "100.00")
    await invoice(seller, "globex", "70.00")
    await invoice(seller, "globex", "8000", "JPY")
    await seller.advance(datetime(2026, 1, 20, tzinfo=UTC))
    await seller.api.post(
        "/v1/payments",
        {"invoice_id": first["id"], "method": "bank_transfer", "reference": "T 1", "amount_minor": 4000},
    )
    await seller.advance(datetime(2026, 2, 5, tzinfo=UTC))
    job = await statements_of(seller, "2026-01")
    assert job["progress"] == {"done": 2, "total": 2}
    assert job["result"] == {"customers": 2, "statements": 3, "there_before": 0}

    note = await seller.api.post(
        "/v1/credit-notes", {"invoice_id": first["id"], "reason": "Less was done", "amount_minor": 1000}
    )
    await seller.advance(datetime(2026, 2, 12, tzinfo=UTC))
    await seller.api.post(
        "/v1/payments",
        {"customer_id": "acme", "method": "bank_transfer", "reference": "T 2", "amount_minor": 7500, "currency": "EUR"},
    )
    await seller.advance(datetime(2026, 3, 1, tzinfo=UTC))
    assert (await statements_of(seller, "2026-02"))["result"]["statements"] == 3
    assert (await statements_of(seller, "2026-02"))["result"] == {"customers": 2, "statements": 0, "there_before": 3}

    listed = (await seller.api.get("/v1/statements", customer_id="acme"))["data"]
    sums = ("opening_minor", "charged_minor", "settled_minor", "closing_minor")
    assert [[statement[name] for name in sums] for statement in listed] == [
        [6000, 0, 8500, -2500],
        [0, 10000, 4000, 6000],
    ]
    february = await seller.api.get(f"/v1/statements/{listed[0]['id']}")
    assert [
        (line["kind"], line["number"], line["amount_minor"], line["balance_minor"]) for line in february["lines"]
    ] == [
        ("credit_note", note["number"], -1000, 5000),
        ("payment", None, -7500, -2500),
    ]
    globex = (await seller.api.get("/v1/statements", customer_id="globex", period="2026-02"))["data"]
    assert {(one["currency"], one["opening_minor"], one["closing_minor"]) for one in globex} == {
        ("EUR", 7000, 7000),
        ("JPY", 8000, 8000),
    }
    assert (await seller.api.get("/v1/statements", customer_id="idle"))["data"] == []

    path = f"/v1/statements/{listed[0]['id']}/download"
    pdf = await seller.api.send("GET", path)
    assert pdf.content.startswith(b"%PDF-")
    table = await seller.api.send("GET", path, params={"format": "csv"})
    rows = list(csv.reader(io.StringIO(table.text)))
    assert [row[1] for row in rows[1:]] == ["opening_balance", "credit_note", "payment", "closing_balance"]
    assert [row[6] for row in rows[1:]] == ["60.00", "50.00", "-25.00", "-25.00"]
