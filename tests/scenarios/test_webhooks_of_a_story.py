"""What a receiver hears of a subscription's first month and its payment, every signature checked by the public library."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from factories import PATIENCE_SECONDS, NewSeller, recurring


class Inbox:
    """An HTTP server that keeps what is genuine, as a tenant's own system would."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.messages: dict[str, dict[str, Any]] = {}
        self._arrived = asyncio.Condition()

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        message = Webhook(self.secret).verify(body.decode(), dict(request.headers))  # raises for a wrong signature
        async with self._arrived:
            self.messages[request.headers["webhook-id"]] = message
            self._arrived.notify_all()
        return web.Response(status=204)

    async def of(self, subject: str) -> dict[str, Any]:
        """The data of the one message of that type, once it is there."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: self._found(subject))
        (message,) = self._found(subject)
        return dict(message["data"])

    def _found(self, subject: str) -> list[dict[str, Any]]:
        return [message for message in self.messages.values() if message["type"] == subject]


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    made = Inbox()
    app = web.Application()
    app.router.add_post("/hooks", made.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://{}:{}/hooks".format(*runner.addresses[0][:2])
    yield made
    await runner.cleanup()


async def test_every_public_event_of_the_story_arrives_signed(new_tenant: NewSeller, inbox: Inbox) -> None:
    seller = await new_tenant("Webhooks", datetime(2026, 1, 1, tzinfo=UTC))
    endpoint = await seller.api.post("/v1/webhook-endpoints", {"url": inbox.url})
    inbox.secret = endpoint["secret"]
    await seller.plan("pro", recurring("Fee", "25"))
    customer = await seller.customer("acme")
    subscription = await seller.subscribe("acme", "pro")
    assert (await inbox.of("customer.created"))["customer_id"] == customer["id"]
    assert (await inbox.of("subscription.created"))["subscription_id"] == subscription["id"]

    await seller.advance(datetime(2026, 2, 1, 1, tzinfo=UTC))
    invoice = await seller.only_invoice()
    announced = await inbox.of("invoice.generated")
    assert (announced["invoice_id"], announced["number"]) == (invoice["id"], "INV-2026-000001")
    assert (announced["total_minor"], announced["currency"]) == (2500, "EUR")

    payment = {"invoice_id": invoice["id"], "method": "bank_transfer", "reference": "statement 12"}
    await seller.api.post("/v1/payments", payment)
    assert (await inbox.of("payment.succeeded"))["amount_minor"] == 2500
    assert (await inbox.of("invoice.paid"))["invoice_id"] == invoice["id"]

    deliveries = await seller.api.all("/v1/webhook-deliveries")
    assert {delivery["event_id"] for delivery in deliveries} >= set(inbox.messages)
    assert "ledger.posted" not in {message["type"] for message in inbox.messages.values()}, (
        "what is internal stays inside"
    )


async def test_an_endpoint_hears_only_what_it_asked_for_and_only_of_its_own_tenant(
    new_tenant: NewSeller, inbox: Inbox
) -> None:
    january = datetime(2026, 1, 1, tzinfo=UTC)
    seller, other = await new_tenant("Listening", january), await new_tenant("Other", january)
    endpoint = await seller.api.post("/v1/webhook-endpoints", {"url": inbox.url, "subjects": ["invoice.*"]})
    inbox.secret = endpoint["secret"]
    for tenant in (other, seller):
        await tenant.plan("pro", recurring("Fee", "25"))
        await tenant.customer("acme")
        await tenant.subscribe("acme", "pro")
        await tenant.advance(datetime(2026, 2, 1, 1, tzinfo=UTC))
    invoice = await seller.only_invoice()
    assert (await inbox.of("invoice.generated"))["invoice_id"] == invoice["id"]
    assert {message["type"].split(".")[0] for message in inbox.messages.values()} == {"invoice"}
