"""The second seller of the demo: in Berlin, with 19 % VAT, four customers, a yearly plan and a payment gateway."""

from datetime import UTC, datetime
from typing import Any

from corebilling.cli.client import Client
from corebilling.cli.demo.gateway import API_KEY, NO_FUNDS, NOTICE_SECRET, Gateway

OPENING = datetime(2026, 1, 1, 8, tzinfo=UTC)
AFTER_QUARTER = datetime(2026, 4, 1, 2, tzinfo=UTC)

CUSTOMERS = {
    "prepaid": "has bought credit for 100.00 and was given 25.00; both pay its invoice",
    "transfer": "pays a part by bank transfer, matched by the invoice's number in the reference",
    "card": "is charged through a payment gateway: declined, paid, and a part given back",
    "ahead": "pays a year ahead, which is earned month by month",
}
"""By external id: what each of them shows."""

_LEGAL = {
    "legal_name": "Demo Software GmbH",
    "address": {"line1": "Lindenstraße 9", "postal_code": "10969", "city": "Berlin", "country": "DE"},
    "tax_ids": [{"kind": "eu_vat", "value": "DE136695976"}],
    "iban": "DE89370400440532013000",
    "bic": "COBADEFFXXX",
}
_YEARLY = {
    "code": "yearly", "name": "Yearly", "currency": "EUR", "interval": "year",
    "prices": [
        {"kind": "recurring", "name": "A year of service", "timing": "advance", "price": {"model": "flat", "amount": "1200.00"}}
    ],
}  # fmt: skip


async def open_shop(client: Client) -> None:
    """Who sells, what is taxed, what a year costs, and who buys."""
    await client.patch("/v1/settings", {"legal": _LEGAL})
    await client.post("/v1/admin/pricing/tax-rates", {"name": "VAT", "rate": "0.19", "country": "DE"})
    await client.post("/v1/admin/pricing/plans", _YEARLY)
    for number, name in enumerate(CUSTOMERS, start=1):
        address = {"line1": f"Hafenstraße {number}", "postal_code": "20457", "city": "Hamburg", "country": "DE"}
        await client.post(
            "/v1/customers", {"external_id": name, "name": f"Customer “{name}”", "billing_address": address}
        )


async def invoice(client: Client, customer: str, what: str, days: int, price: str, net_days: int) -> dict[str, Any]:
    """A one-off invoice, issued at once."""
    line = {"description": what, "quantity": str(days), "unit": "day", "unit_amount": price}
    body = {"customer_id": customer, "lines": [line], "net_days": net_days, "finalize": True}
    made: dict[str, Any] = await client.post("/v1/invoices", body)
    return made


async def accept_cards(client: Client, gateway: Gateway) -> str:
    """The seller's account at the gateway, which posts its notices back; answers the account's id."""
    account = await client.post(
        "/v1/gateway-accounts",
        {
            "gateway": "http", "name": "main", "base_url": gateway.url, "api_key": API_KEY,
            "webhook_secret": NOTICE_SECRET,
        },
    )  # fmt: skip
    gateway.notices_to = client.url + account["notice_path"]
    return str(account["id"])


async def give_card(client: Client, account: str, *, declined: bool) -> None:
    """The customer's card, charged from now on."""
    token, label = (NO_FUNDS, "an empty card") if declined else ("tok_good", "another card")
    card = {"customer_id": "card", "gateway_account_id": account, "token": token, "label": label}
    await client.post("/v1/payment-methods", card)
