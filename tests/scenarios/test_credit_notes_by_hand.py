"""Giving money back: by line, in part and in full, of unpaid and of paid invoices, never more than there was."""

from datetime import UTC, datetime
from typing import Any

from corebilling.cli.client import until
from factories import NewSeller, Seller

MAY = datetime(2026, 5, 4, 9, tzinfo=UTC)


async def an_invoice(new_tenant: NewSeller, name: str) -> tuple[Seller, dict[str, Any]]:
    """100.00 and 33.33 with 19 % each: 19.00 and 6.33 (6.3327), so 158.66."""
    seller = await new_tenant(name, MAY, country="DE")
    await seller.api.post("/v1/admin/pricing/tax-rates", {"name": "VAT", "rate": "0.19", "country": "DE"})
    await seller.customer("acme", billing_address={"city": "Köln", "country": "DE"})
    lines = [{"description": "Set-up", "unit_amount": "100"}, {"description": "Cable", "unit_amount": "33.33"}]
    invoice = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True})
    assert invoice["total_minor"] == 15866
    return seller, invoice


async def give_back(seller: Seller, invoice: dict[str, Any], **what: Any) -> dict[str, Any]:
    return await seller.api.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "goodwill", **what})


async def refused(seller: Seller, invoice: dict[str, Any], **what: Any) -> int:
    body = {"invoice_id": invoice["id"], "reason": "too much", **what}
    return (await seller.api.send("POST", "/v1/credit-notes", json=body)).status_code


async def test_notes_in_parts_come_to_exactly_the_invoice(new_tenant: NewSeller) -> None:
    seller, invoice = await an_invoice(new_tenant, "Parts")
    first = await give_back(seller, invoice, lines=[{"line_no": 2, "amount_minor": 1111}])
    second = await give_back(seller, invoice, lines=[{"line_no": 2, "amount_minor": 1111}])
    assert await refused(seller, invoice, lines=[{"line_no": 2, "amount_minor": 1112}]) == 409
    third = await give_back(seller, invoice, lines=[{"line_no": 2, "amount_minor": 1111}])
    assert sum(note["tax_minor"] for note in (first, second, third)) == 633
    rest = await give_back(seller, invoice)
    assert rest["total_minor"] == 11900
    assert await refused(seller, invoice) == 409
    assert await refused(seller, invoice, amount_minor=1) == 409
    settled = await seller.api.get(f"/v1/invoices/{invoice['id']}")
    assert (settled["status"], settled["credited_minor"], settled["due_minor"]) == ("paid", 15866, 0)
    assert await seller.balances() == {}


async def test_of_a_paid_invoice_it_is_credit_for_the_next(new_tenant: NewSeller) -> None:
    seller, invoice = await an_invoice(new_tenant, "Credit")
    await seller.api.post("/v1/payments", {"invoice_id": invoice["id"], "method": "cash", "reference": "till"})
    note = await give_back(seller, invoice, lines=[{"line_no": 1}])
    assert (note["total_minor"], note["tax_minor"], note["applied_minor"]) == (11900, 1900, 0)
    assert await seller.balances() == {
        "Cash": 15866,
        "Customer credit": -11900,
        "Revenue": -3333,
        "Tax payable": -633,
    }
    lines = [{"description": "Next", "unit_amount": "50"}]
    following = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True})
    shown = await seller.api.get(f"/v1/invoices/{following['id']}")
    assert (shown["status"], shown["prepaid_minor"]) == ("paid", 5950)


async def test_or_it_goes_back_to_where_it_came_from(new_tenant: NewSeller) -> None:
    seller, invoice = await an_invoice(new_tenant, "Refund")
    paid = await seller.api.post("/v1/payments", {"invoice_id": invoice["id"], "method": "cash", "reference": "till"})
    await give_back(seller, invoice, lines=[{"line_no": 1}], settlement="refund")

    async def went_out() -> bool:
        return [r["status"] for r in (await seller.api.get("/v1/refunds"))["data"]] == ["succeeded"]

    await until(went_out, seconds=60, what="the refund")
    assert await seller.balances() == {"Cash": 3966, "Revenue": -3333, "Tax payable": -633}
    payment = await seller.api.get(f"/v1/payments/{paid['id']}")
    assert payment["refunded_minor"] == 11900


async def test_a_refund_of_a_payment_writes_its_credit_note_or_opens_the_invoice_again(new_tenant: NewSeller) -> None:
    seller, invoice = await an_invoice(new_tenant, "Two ways")
    paid = await seller.api.post("/v1/payments", {"invoice_id": invoice["id"], "method": "cash", "reference": "till"})
    back = await seller.api.post(f"/v1/payments/{paid['id']}/refund", {"amount_minor": 5866, "reason": "damaged"})
    assert back["status"] == "succeeded"
    (note,) = (await seller.api.get("/v1/credit-notes"))["data"]
    assert note["total_minor"] == 5866
    still = await seller.api.get(f"/v1/invoices/{invoice['id']}")
    assert (still["status"], still["due_minor"]) == ("paid", 0)

    wish = {"amount_minor": 10000, "reason": "paid by mistake", "invoice": "reopen"}
    await seller.api.post(f"/v1/payments/{paid['id']}/refund", wish)
    again = await seller.api.get(f"/v1/invoices/{invoice['id']}")
    assert (again["status"], again["due_minor"]) == ("open", 10000)
    assert (await seller.balances())["Accounts receivable"] == 10000
    answer = await seller.api.send("POST", f"/v1/payments/{paid['id']}/refund", json={"amount_minor": 1, "reason": "x"})
    assert answer.status_code == 409
