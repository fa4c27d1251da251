"""Invoices written by hand: drafted, finalised, paid in two parts, or voided; the ledger follows each step."""

from datetime import UTC, datetime
from typing import Any

from factories import NewSeller, Seller

MAY = datetime(2026, 5, 4, 9, tzinfo=UTC)

LINES = [
    {"description": "Consulting, hours", "quantity": "7.5", "unit_amount": "120"},
    {"description": "Travel", "unit_amount": "48.505"},
    {"description": "Goodwill", "unit_amount": "-50"},
]
"""900.00 + 48.51 (half a cent rounds away from zero) - 50.00 = 898.51"""


async def _issue(seller: Seller, lines: list[dict[str, Any]]) -> dict[str, Any]:
    draft = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines})
    return await seller.api.post(f"/v1/invoices/{draft['id']}/finalize")


async def test_from_draft_to_paid_with_the_ledger_at_each_step(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Consultant", MAY)
    await seller.customer("acme")

    draft = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": LINES})
    assert (draft["status"], draft["number"], draft["total_minor"]) == ("draft", None, 89851)
    assert [line["amount_minor"] for line in draft["lines"]] == [90000, 4851, -5000]
    assert await seller.balances() == {}, "a draft is nothing in the books"

    final = await seller.api.post(f"/v1/invoices/{draft['id']}/finalize")
    assert (final["status"], final["number"], final["due_minor"]) == ("open", "INV-2026-000001", 89851)
    assert await seller.balances() == {"Accounts receivable": 89851, "Revenue": -89851}

    part = {"invoice_id": final["id"], "method": "bank_transfer", "reference": "transfer 1", "amount_minor": 30000}
    first = await seller.api.post("/v1/payments", part, **{"Idempotency-Key": "transfer-1"})
    again = await seller.api.post("/v1/payments", part, **{"Idempotency-Key": "transfer-1"})
    assert first == again, "the same transfer, recorded once"
    assert await seller.balances() == {"Cash": 30000, "Accounts receivable": 59851, "Revenue": -89851}
    open_still = await seller.api.get(f"/v1/invoices/{final['id']}")
    assert (open_still["status"], open_still["paid_minor"], open_still["due_minor"]) == ("open", 30000, 59851)

    too_much = await seller.api.send("POST", "/v1/payments", json=part | {"amount_minor": 59852})
    assert (too_much.status_code, too_much.json()["code"]) == (409, "more_than_is_left")

    await seller.api.post("/v1/payments", {"invoice_id": final["id"], "method": "card", "reference": "the rest"})
    paid = await seller.api.get(f"/v1/invoices/{final['id']}")
    assert (paid["status"], paid["paid_minor"], paid["due_minor"]) == ("paid", 89851, 0)
    assert await seller.balances() == {"Cash": 89851, "Revenue": -89851}

    refused = await seller.api.send("POST", f"/v1/admin/invoices/{final['id']}/void", json={"reason": "mistake"})
    assert refused.status_code == 409, "what was paid isn't voided"


async def test_a_voided_invoice_keeps_its_number_and_leaves_the_books(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Careless", MAY, invoice_prefix="CL")
    await seller.customer("acme")
    first = await _issue(seller, [{"description": "A", "unit_amount": "10"}])
    second = await _issue(seller, [{"description": "B", "unit_amount": "20"}])
    voided = await seller.api.post(f"/v1/admin/invoices/{second['id']}/void", {"reason": "wrong customer"})
    assert (voided["status"], voided["number"], voided["void_reason"]) == ("void", "CL-2026-000002", "wrong customer")
    assert await seller.balances() == {"Accounts receivable": 1000, "Revenue": -1000}

    third = await _issue(seller, [{"description": "C", "unit_amount": "30"}])
    assert [first["number"], third["number"]] == ["CL-2026-000001", "CL-2026-000003"], (
        "no number is used again, none is left out"
    )
    entries = await seller.api.all("/v1/ledger/entries", document_id=second["id"])
    assert sum(entry["amount_minor"] for entry in entries) == 0
    assert len(entries) == 4, "the reversal stands beside what it reverses"

    twice = await seller.api.send("POST", f"/v1/admin/invoices/{second['id']}/void", json={"reason": "again"})
    pay = {"invoice_id": second["id"], "method": "cash", "reference": "too late"}
    unpayable = await seller.api.send("POST", "/v1/payments", json=pay)
    assert (twice.status_code, unpayable.status_code) == (409, 409)


async def test_a_deleted_draft_leaves_no_gap_in_the_numbers(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Tidy", MAY)
    await seller.customer("acme")
    draft = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": LINES})
    await seller.api.delete(f"/v1/invoices/{draft['id']}")
    assert (await _issue(seller, LINES))["number"] == "INV-2026-000001"
