"""Money on the bank statement, matched to invoices: as told, by the number in its reference, or the oldest first."""

from datetime import UTC, datetime, timedelta
from typing import Any

from factories import NewSeller, Seller

MAY = datetime(2026, 5, 4, 9, tzinfo=UTC)


async def three_invoices(new_tenant: NewSeller, name: str) -> tuple[Seller, list[dict[str, Any]]]:
    """10.00, 20.00 and 30.00, a day apart."""
    seller = await new_tenant(name, MAY)
    await seller.customer("acme")
    made = []
    for day, amount in enumerate(("10", "20", "30"), 1):
        lines = [{"description": "Work", "unit_amount": amount}]
        made.append(await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True}))
        await seller.advance(MAY + timedelta(days=day))
    return seller, made


async def transfer(seller: Seller, amount_minor: int, **more: Any) -> dict[str, Any]:
    body = {
        "customer_id": "acme",
        "method": "bank_transfer",
        "reference": "ACME SAS",
        "amount_minor": amount_minor,
        "currency": "EUR",
        **more,
    }
    return await seller.api.post("/v1/payments", body)


async def due(seller: Seller) -> list[int]:
    return [invoice["due_minor"] for invoice in await seller.invoices()]


async def test_the_oldest_is_paid_first_and_what_is_left_over_is_credit(new_tenant: NewSeller) -> None:
    seller, _ = await three_invoices(new_tenant, "Oldest")
    payment = await transfer(seller, 2500)
    assert [part["amount_minor"] for part in payment["allocations"]] == [1000, 1500]
    assert await due(seller) == [0, 500, 3000]
    over = await transfer(seller, 5000)
    assert await due(seller) == [0, 0, 0]
    assert over["credited_minor"] == 1500
    assert await seller.balances() == {"Cash": 7500, "Customer credit": -1500, "Revenue": -6000}


async def test_a_number_in_the_reference_says_which(new_tenant: NewSeller) -> None:
    seller, invoices = await three_invoices(new_tenant, "Named")
    await transfer(seller, 3000, reference=f"RE {invoices[2]['number'].lower()} thank you")
    assert await due(seller) == [1000, 2000, 0]


async def test_told_which_it_pays_those(new_tenant: NewSeller) -> None:
    seller, invoices = await three_invoices(new_tenant, "Told")
    parts = [{"invoice_id": invoices[1]["id"], "amount_minor": 700}, {"invoice_id": invoices[2]["id"]}]
    payment = await transfer(seller, 3700, invoices=parts)
    assert await due(seller) == [1000, 1300, 0]
    assert payment["credited_minor"] == 0


async def test_ageing_counts_by_due_date(new_tenant: NewSeller) -> None:
    seller, _ = await three_invoices(new_tenant, "Ageing")
    await seller.advance(MAY + timedelta(days=30 + 32))
    ageing = await seller.api.get("/v1/ledger/ageing")
    (euro,) = ageing["currencies"]
    # the first two fell due 32 and 31 days ago, the third exactly 30
    expected = {"not_due_minor": 0, "days_0_30_minor": 3000, "days_31_60_minor": 3000, "total_minor": 6000}
    assert {name: euro[name] for name in expected} == expected
    (acme,) = ageing["data"]
    assert acme["total_minor"] == 6000
    await transfer(seller, 1000)
    before = await seller.api.get("/v1/ledger/ageing", as_of=(MAY + timedelta(days=10)).isoformat())
    assert before["currencies"][0]["not_due_minor"] == 6000, "on that day nothing was paid yet"


async def test_an_invoice_given_up_is_bad_debt_until_it_is_paid_after_all(new_tenant: NewSeller) -> None:
    seller, invoices = await three_invoices(new_tenant, "Bad debt")
    gone = await seller.api.post(f"/v1/admin/invoices/{invoices[2]['id']}/mark-uncollectible", {"reason": "insolvent"})
    assert gone["status"] == "uncollectible"
    assert await seller.balances() == {"Accounts receivable": 3000, "Bad debt": 3000, "Revenue": -6000}
    await seller.api.post("/v1/payments", {"invoice_id": gone["id"], "method": "cash", "reference": "after all"})
    assert (await seller.api.get(f"/v1/invoices/{gone['id']}"))["status"] == "paid"
    assert await seller.balances() == {"Accounts receivable": 3000, "Cash": 3000, "Revenue": -6000}
