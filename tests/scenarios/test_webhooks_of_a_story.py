"""What a receiver hears of a subscription's first month and its payment, every signature checked by the public library."""

from datetime import UTC, datetime

from factories import NewSeller, recurring
from receivers import Inbox


async def test_every_public_event_of_the_story_arrives_signed(new_tenant: NewSeller, inbox: Inbox) -> None:
    seller = await new_tenant("Webhooks", datetime(2026, 1, 1, tzinfo=UTC))
    await inbox.listen_to(seller)
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
    await inbox.listen_to(seller, "invoice.*")
    for tenant in (other, seller):
        await tenant.plan("pro", recurring("Fee", "25"))
        await tenant.customer("acme")
        await tenant.subscribe("acme", "pro")
        await tenant.advance(datetime(2026, 2, 1, 1, tzinfo=UTC))
    invoice = await seller.only_invoice()
    assert (await inbox.of("invoice.generated"))["invoice_id"] == invoice["id"]
    assert {message["type"].split(".")[0] for message in inbox.messages.values()} == {"invoice"}


async def test_a_tenants_own_event_reaches_its_own_receiver_signed_and_nobody_elses(
    new_tenant: NewSeller, inbox: Inbox
) -> None:
    january = datetime(2026, 1, 1, tzinfo=UTC)
    seller, other = await new_tenant("Shipping", january), await new_tenant("Elsewhere", january)
    await inbox.listen_to(seller, "order.*")
    await other.api.post("/v1/events", {"subject": "order.shipped", "data": {"order": "of another"}})
    await seller.api.post("/v1/events", {"subject": "stock.counted", "data": {"left": 3}})
    await seller.api.post("/v1/events", {"subject": "order.shipped", "data": {"order": "17", "weight_kg": 1.5}})
    assert await inbox.of("order.shipped") == {"order": "17", "weight_kg": 1.5}
    assert {message["type"] for message in inbox.messages.values()} == {"order.shipped"}
