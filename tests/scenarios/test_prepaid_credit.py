"""A customer who pays ahead: credit is bought, given and used up, the one that expires first before the other."""

from datetime import UTC, datetime
from typing import Any

from factories import NewSeller, Seller
from receivers import Inbox

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


async def issue(seller: Seller, amount: str) -> dict[str, Any]:
    lines = [{"description": "Work", "unit_amount": amount}]
    made = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True})
    return await seller.api.get(f"/v1/invoices/{made['id']}")


async def grant(seller: Seller, amount_minor: int, **more: Any) -> dict[str, Any]:
    body = {"customer_id": "acme", "amount_minor": amount_minor, "source": "purchase", **more}
    return await seller.api.post("/v1/wallets/grants", body)


async def wallet(seller: Seller) -> int:
    (only,) = (await seller.api.get("/v1/wallets"))["data"]
    balance: int = only["balance_minor"]
    return balance


async def test_credit_pays_invoices_after_tax_and_what_expires_first_goes_first(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Prepaid", JANUARY, country="FR")
    await seller.api.post("/v1/admin/pricing/tax-rates", {"name": "VAT", "rate": "0.2", "country": "FR"})
    await seller.customer("acme", billing_address={"city": "Paris", "country": "FR"})
    bought = await grant(seller, 10000)
    given = await grant(seller, 3000, source="promotion", expires_at="2026-03-01T00:00:00Z", priority=50)
    assert await seller.balances() == {"Cash": 10000, "Promotional credit": 3000, "Customer credit": -13000}

    first = await issue(seller, "20.00")
    assert (first["total_minor"], first["prepaid_minor"], first["status"]) == (2400, 2400, "paid")
    second = await issue(seller, "50.00")
    assert (second["total_minor"], second["prepaid_minor"], second["status"]) == (6000, 6000, "paid")
    assert await wallet(seller) == 13000 - 8400
    used = await seller.api.get(f"/v1/wallets/grants/{given['id']}")
    assert used["left_minor"] == 0
    assert {(part["invoice_id"], part["amount_minor"]) for part in used["movements"]} == {
        (first["id"], 2400),
        (second["id"], 600),
    }
    assert (await seller.api.get(f"/v1/wallets/grants/{bought['id']}"))["left_minor"] == 4600

    third = await issue(seller, "100.00")
    assert (third["prepaid_minor"], third["due_minor"], third["status"]) == (4600, 7400, "open")
    assert await wallet(seller) == 0
    assert await seller.balances() == {
        "Cash": 10000,
        "Promotional credit": 3000,
        "Accounts receivable": 7400,
        "Revenue": -17000,
        "Tax payable": -3400,
    }


async def test_what_runs_out_is_gone_on_its_day_and_not_before(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Expiring", JANUARY)
    await seller.customer("acme")
    await grant(seller, 3000, source="promotion", expires_at="2026-03-01T00:00:00Z")
    await grant(seller, 500, expires_at="2026-02-01T00:00:00Z")
    await seller.advance(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC))
    assert await wallet(seller) == 3500
    await seller.advance(datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC))
    assert await wallet(seller) == 3000
    await seller.advance(datetime(2026, 4, 1, tzinfo=UTC))
    assert await wallet(seller) == 0
    assert await seller.balances() == {"Cash": 500, "Expired credit": -500}


async def test_a_voided_invoice_gives_the_credit_back(new_tenant: NewSeller) -> None:
    seller = await new_tenant("Voider", JANUARY)
    await seller.customer("acme")
    await grant(seller, 3000)
    invoice = await issue(seller, "50.00")
    assert (invoice["prepaid_minor"], invoice["due_minor"]) == (3000, 2000)
    await seller.api.post(f"/v1/admin/invoices/{invoice['id']}/void", {"reason": "never delivered"})
    assert await wallet(seller) == 3000
    assert await seller.balances() == {"Cash": 3000, "Customer credit": -3000}


async def test_who_runs_low_is_told_of_so_that_a_top_up_can_be_bought(new_tenant: NewSeller, inbox: Inbox) -> None:
    seller = await new_tenant("Low", JANUARY)
    await inbox.listen_to(seller, "wallet.depleted")
    await seller.customer("acme")
    await grant(seller, 3000)
    wish = {"customer_id": "acme", "currency": "EUR", "threshold_minor": 1000, "top_up_minor": 5000}
    await seller.api.put("/v1/wallets/top-up", wish)
    await issue(seller, "15.00")
    await issue(seller, "10.00")
    told = await inbox.of("wallet.depleted")
    assert (told["balance_minor"], told["threshold_minor"], told["top_up_minor"]) == (500, 1000, 5000)


async def test_a_grant_below_nothing_or_in_another_tenants_name_is_refused(new_tenant: NewSeller) -> None:
    seller, other = await new_tenant("One", JANUARY), await new_tenant("Other", JANUARY)
    await seller.customer("acme")
    body = {"customer_id": "acme", "amount_minor": 0, "source": "purchase"}
    assert (await seller.api.send("POST", "/v1/wallets/grants", json=body)).status_code == 422
    assert (await other.api.send("POST", "/v1/wallets/grants", json=body | {"amount_minor": 1})).status_code == 404
