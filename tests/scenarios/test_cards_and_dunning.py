"""Cards charged at a gateway: at once, after the third attempt, never; taken back by the bank; and paid twice by nobody."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corebilling.cli.client import until
from factories import PATIENCE_SECONDS, NewSeller, Seller, hours, recurring
from gateways import API_KEY, NOTICE_SECRET, FakeGateway
from receivers import Inbox

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway(fee=59) as made:
        yield made


async def a_seller(
    new_tenant: NewSeller, gateway: FakeGateway, name: str, token: str = "tok_ok", **wanted: Any
) -> Seller:
    """Acme subscribes for 25.00 a month and left a card."""
    seller = await new_tenant(name, JANUARY, **wanted)
    account = await seller.api.post(
        "/v1/gateway-accounts",
        {
            "gateway": "http",
            "name": "main",
            "base_url": gateway.url,
            "api_key": API_KEY,
            "webhook_secret": NOTICE_SECRET,
        },
    )

    async def notify(body: bytes, signature: str) -> int:
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        answer = await seller.api.send("POST", account["notice_path"], content=body, headers=headers)
        return answer.status_code

    gateway.notify = notify
    await seller.plan("pro", recurring("Fee", "25"))
    await seller.customer("acme")
    await put_card(seller, account["id"], token)
    await seller.subscribe("acme", "pro", external_id="sub")
    return seller


async def put_card(seller: Seller, account: str, token: str) -> dict[str, Any]:
    card = {"customer_id": "acme", "gateway_account_id": account, "token": token, "is_default": True}
    return await seller.api.post("/v1/payment-methods", card)


async def settled(seller: Seller, status: str, count: int = 1) -> list[dict[str, Any]]:
    """The payments, once so many have that status."""

    async def there() -> bool:
        found = await seller.api.all("/v1/payments")
        return sum(payment["status"] == status for payment in found) >= count

    await until(there, seconds=PATIENCE_SECONDS, what=f"{count} payments {status}")
    return await seller.api.all("/v1/payments")


async def test_the_card_pays_when_the_invoice_is_final(new_tenant: NewSeller, gateway: FakeGateway) -> None:
    seller = await a_seller(new_tenant, gateway, "Automatic")
    await seller.advance(FEBRUARY + hours(2))
    (payment,) = await settled(seller, "succeeded")
    invoice = await seller.only_invoice()
    assert (invoice["status"], invoice["paid_minor"]) == ("paid", 2500)
    assert dict(gateway.took.charges) == {payment["id"]: [2500]}
    assert await seller.balances() == {"Payment gateways": 2441, "Payment fees": 59, "Revenue": -2500}


async def test_a_notice_told_twice_late_and_forged_changes_nothing(new_tenant: NewSeller, gateway: FakeGateway) -> None:
    seller = await a_seller(new_tenant, gateway, "Notices", "tok_slow")
    await seller.advance(FEBRUARY + hours(2))
    (payment,) = await settled(seller, "processing")
    assert (await seller.only_invoice())["status"] == "open"
    gateway.complete(payment["id"])
    assert await gateway.deliver(secret="whsec_somebody_else") == [401] * len(gateway.notices)
    told = await gateway.deliver(*reversed(gateway.notices), *gateway.notices)
    assert set(told) == {200}
    await settled(seller, "succeeded")
    assert (await seller.only_invoice())["status"] == "paid"
    assert gateway.took.total == 2500


async def test_who_cannot_pay_is_asked_again_and_then_canceled(
    new_tenant: NewSeller, gateway: FakeGateway, inbox: Inbox
) -> None:
    terms = {"dunning": {"retry_days": [3, 5], "finally_do": "cancel_and_uncollectible"}}
    seller = await a_seller(new_tenant, gateway, "Dunning", "tok_poor", invoicing=terms)
    await inbox.listen_to(seller, "dunning.started", "dunning.ended", "payment.failed", "subscription.status.changed")
    await seller.advance(FEBRUARY + hours(2))
    await settled(seller, "failed")
    await seller.advance(FEBRUARY + hours(3))
    assert (await seller.api.get("/v1/subscriptions/sub"))["status"] == "past_due"
    await seller.advance(FEBRUARY + timedelta(days=4))
    await settled(seller, "failed", 2)
    await seller.advance(FEBRUARY + timedelta(days=8))
    await settled(seller, "failed", 3)
    await seller.advance(FEBRUARY + timedelta(days=9))
    assert (await seller.api.get("/v1/subscriptions/sub"))["status"] == "canceled"
    invoice = (await seller.invoices())[0]
    assert invoice["status"] == "uncollectible"
    assert gateway.took.total == 0
    balances = await seller.balances()
    assert balances["Bad debt"] == 2500
    assert balances.get("Accounts receivable", 0) == sum(i["due_minor"] for i in await seller.invoices())
    started = await inbox.about("dunning.started", invoice_id=invoice["id"])
    assert started["subscription_ids"] == [(await seller.api.get("/v1/subscriptions/sub"))["id"]]
    assert (await inbox.about("dunning.ended", invoice_id=invoice["id"]))["outcome"] == "exhausted"


async def test_a_new_card_ends_the_dunning(new_tenant: NewSeller, gateway: FakeGateway) -> None:
    seller = await a_seller(new_tenant, gateway, "New card", "tok_declined")
    await seller.advance(FEBRUARY + hours(2))
    (failed,) = await settled(seller, "failed")
    assert failed["failure_code"] == "card_declined"
    (account,) = (await seller.api.get("/v1/gateway-accounts"))["data"]
    await put_card(seller, account["id"], "tok_ok")
    await seller.advance(FEBRUARY + timedelta(days=4))
    await settled(seller, "succeeded")
    await seller.advance(FEBRUARY + timedelta(days=4, hours=1))
    assert (await seller.api.get("/v1/subscriptions/sub"))["status"] == "active"
    assert (await seller.only_invoice())["status"] == "paid"


async def test_a_chargeback_opens_the_invoice_until_it_is_won(new_tenant: NewSeller, gateway: FakeGateway) -> None:
    seller = await a_seller(new_tenant, gateway, "Chargeback")
    await seller.advance(FEBRUARY + hours(2))
    (payment,) = await settled(seller, "succeeded")
    await gateway.deliver(gateway.dispute(payment["id"]))
    await settled(seller, "disputed")
    assert (await seller.only_invoice())["due_minor"] == 2500
    await gateway.deliver(gateway.dispute(payment["id"], "won"))
    await settled(seller, "succeeded")
    invoice = await seller.only_invoice()
    assert (invoice["status"], invoice["due_minor"]) == ("paid", 0)


async def test_a_refund_goes_back_through_the_gateway(new_tenant: NewSeller, gateway: FakeGateway) -> None:
    seller = await a_seller(new_tenant, gateway, "Refunded")
    await seller.advance(FEBRUARY + hours(2))
    (payment,) = await settled(seller, "succeeded")
    asked = await seller.api.post(
        f"/v1/payments/{payment['id']}/refund", {"amount_minor": 1000, "reason": "half the month"}
    )

    async def went_out() -> bool:
        return bool((await seller.api.get(f"/v1/refunds/{asked['id']}"))["status"] == "succeeded")

    await until(went_out, seconds=PATIENCE_SECONDS, what="the refund")
    assert sum(map(sum, gateway.took.refunds.values())) == 1000
    assert await seller.balances() == {"Payment gateways": 1441, "Payment fees": 59, "Revenue": -1500}
