"""Fifty who charge one invoice at once, a gateway that is down while time passes, and one that never says the end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from corebilling.cli.client import until
from factories import PATIENCE_SECONDS, NewSeller, Seller, recurring
from gateways import API_KEY, NOTICE_SECRET, FakeGateway
from receivers import Inbox

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway() as made:
        yield made


async def with_card(seller: Seller, gateway: FakeGateway, token: str, **customer: Any) -> None:
    """Acme, whose card is charged there."""
    body = {
        "gateway": "http", "name": "main", "base_url": gateway.url, "api_key": API_KEY, "webhook_secret": NOTICE_SECRET,
    }  # fmt: skip
    account = await seller.api.post("/v1/gateway-accounts", body)

    async def notify(notice: bytes, signature: str) -> int:
        headers = {"Content-Type": "application/json", "Corebilling-Signature": signature}
        return (await seller.api.send("POST", account["notice_path"], content=notice, headers=headers)).status_code

    gateway.notify = notify
    await seller.customer("acme", **customer)
    card = {"customer_id": "acme", "gateway_account_id": account["id"], "token": token}
    await seller.api.post("/v1/payment-methods", card)


async def paid(seller: Seller, count: int) -> None:
    async def are_paid() -> bool:
        return [invoice["status"] for invoice in await seller.invoices()] == ["paid"] * count

    await until(are_paid, seconds=PATIENCE_SECONDS, what=f"{count} invoices to be paid")


async def test_fifty_requests_at_once_charge_an_invoice_once(new_tenant: NewSeller, gateway: FakeGateway) -> None:
    seller = await new_tenant("Fifty", JANUARY)
    await with_card(seller, gateway, "tok_ok", auto_collect=False)
    lines = [{"description": "Work", "unit_amount": "12.00"}]
    invoice = await seller.api.post("/v1/invoices", {"customer_id": "acme", "lines": lines, "finalize": True})

    async def ask() -> tuple[int, str]:
        headers = {"Idempotency-Key": uuid4().hex}
        answer = await seller.api.send("POST", "/v1/payments", json={"invoice_id": invoice["id"]}, headers=headers)
        return answer.status_code, answer.json().get("code", "")

    answers = Counter(await asyncio.gather(*(ask() for _ in range(50))))
    assert answers[201, ""] == 1
    refused = {code for _, code in answers} - {""}
    assert refused <= {"payment_in_progress", "invoice_state", "more_than_is_left"}, answers
    await paid(seller, 1)
    [payment] = await seller.api.all("/v1/payments")
    assert dict(gateway.took.charges) == {payment["id"]: [1200]}
    assert await seller.balances() == {"Payment gateways": 1200, "Revenue": -1200}


async def test_time_goes_on_while_a_gateway_is_down_and_it_is_paid_afterwards(
    new_tenant: NewSeller, gateway: FakeGateway
) -> None:
    seller = await new_tenant("Outage", JANUARY)
    await with_card(seller, gateway, "tok_ok")
    await seller.plan("pro", recurring("Fee", "25"))
    await seller.subscribe("acme", "pro")
    await gateway.stop()
    await seller.advance(FEBRUARY + timedelta(days=14))
    assert [invoice["status"] for invoice in await seller.invoices()] == ["open"]
    await gateway.start()
    await paid(seller, 1)
    assert gateway.took.total == 2500


async def test_a_year_passes_though_a_gateway_never_says_how_it_ended(
    new_tenant: NewSeller, gateway: FakeGateway, inbox: Inbox
) -> None:
    """With drafts that wait, reminders, dunning, a year paid ahead that is earned by month, and credit that runs out."""
    terms = {"draft_hours": 24, "reminder_days": [3], "dunning": {"retry_days": [3, 5], "overdue": True}}
    seller = await new_tenant("A year", JANUARY, invoicing=terms)
    await with_card(seller, gateway, "tok_slow")
    await inbox.listen_to(seller, "invoice.due", "dunning.started")
    ahead = {"description": "Support", "unit_amount": "365.00", "period_start": JANUARY.isoformat()}
    ahead["period_end"] = datetime(2027, 1, 1, tzinfo=UTC).isoformat()
    await seller.customer("other", auto_collect=False)
    await seller.api.post("/v1/invoices", {"customer_id": "other", "lines": [ahead], "finalize": True})
    grant = {"customer_id": "other", "currency": "EUR", "amount_minor": 700, "source": "purchase"}
    grant["expires_at"] = (JANUARY + timedelta(days=100)).isoformat()
    credit = await seller.api.post("/v1/wallets/grants", grant)
    await seller.plan("pro", recurring("Fee", "25"))
    await seller.subscribe("acme", "pro")
    await seller.advance(datetime(2027, 1, 2, 2, tzinfo=UTC))
    payments = await seller.api.all("/v1/payments")
    assert [payment["status"] for payment in payments] == ["processing"] * 12
    assert (await seller.api.get(f"/v1/wallets/grants/{credit['id']}"))["left_minor"] == 0
    balances = await seller.balances()
    assert balances.get("Deferred revenue", 0) == 0
    assert balances["Revenue"] == -(36_500 + 12 * 2500)
    collections = {one["status"]: one for one in await seller.api.all("/v1/collections")}
    assert collections["exhausted"]["number"] == "INV-2026-000001"
    for payment in payments:
        gateway.complete(payment["id"])
    await gateway.deliver()

    async def settled() -> bool:
        return {one["status"] for one in await seller.api.all("/v1/payments")} == {"succeeded"}

    await until(settled, seconds=PATIENCE_SECONDS, what="the payments of the year")
    assert (await seller.balances())["Accounts receivable"] == 36_500
