"""Events that somebody slipped into the bus: their envelope names tenant A, and what they tell of is tenant B's."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import nats
import pytest
from two_worlds import FEBRUARY, JANUARY, Guard, Rows, World, settle

from corebilling.cli.client import until
from corebilling.cli.local import LocalInstallation
from corebilling.events.catalog import BY_SUBJECT
from corebilling.events.envelope import CloudEvent
from corebilling.events.invoice import CreditIssued, InvoiceGenerated, InvoicePaid, InvoiceUncollectible, InvoiceVoided
from corebilling.events.payment import DunningEnded, DunningStarted
from corebilling.events.rating import RatingCompleted
from corebilling.events.scheduler import BillingCycleClosed, LateUsageSealed, SubscriptionDue
from corebilling.events.subscription import (
    SubscriptionCanceled,
    SubscriptionCreated,
    SubscriptionInvoiceRequested,
    SubscriptionPriceUpdated,
    SubscriptionScheduled,
    SubscriptionStatusChanged,
    SubscriptionUpdated,
)
from corebilling.events.tenant import TenantCreated
from corebilling.events.usage import ReportedSeries, UsageCorrected, UsageReported
from corebilling.events.webhook import WebhookTest
from corebilling.kernel.contract import Calendar
from corebilling.kernel.ids import new_id
from factories import PATIENCE_SECONDS, Api, Seller

MARCH = FEBRUARY + timedelta(days=28)


def forged(rows: Rows, b: World) -> dict[str, msgspec.Struct]:
    """One of every kind of event that something is done about, with ids that are B's and real."""
    own = {name: UUID(value) for name, value in b.own.items() if len(value) == 36}
    subscription, customer = own["subscription_id"], own["customer_id"]
    cycle, index = UUID(_first(rows, b, "billing_cycles", "cycle_id")), 2
    rating = UUID(_first(rows, b, "ratings", "rating_id"))
    series = ReportedSeries(subscription, own["meter_id"], FEBRUARY, FEBRUARY, 1)
    told: dict[str, msgspec.Struct] = {
        "subscription.created": SubscriptionCreated(
            subscription, customer, own["plan"], "EUR", JANUARY, "UTC", "month", 1, "active"
        ),
        "subscription.canceled": SubscriptionCanceled(subscription, FEBRUARY),
        "subscription.updated": SubscriptionUpdated(
            subscription, customer, own["plan"], "active", "items", FEBRUARY, FEBRUARY
        ),
        "subscription.price.updated": SubscriptionPriceUpdated(subscription, FEBRUARY, [uuid4()]),
        "subscription.status.changed": SubscriptionStatusChanged(subscription, "incomplete", "expired"),
        "subscription.scheduled": SubscriptionScheduled(
            subscription, (Calendar(JANUARY, "UTC", "week", 1, JANUARY),), FEBRUARY, FEBRUARY
        ),
        "subscription.invoice.requested": SubscriptionInvoiceRequested(subscription, customer, "opening", 9, FEBRUARY),
        "billing.subscription.due": SubscriptionDue(subscription, MARCH),
        "billing.usage.sealed": LateUsageSealed(subscription, late_no=9, epoch=9, sealed_at=MARCH),
        "usage.reported": UsageReported(uuid4(), [series]),
        "usage.corrected": UsageCorrected(uuid4(), "void", "from the outside", [series]),
        "billing.cycle.closed": BillingCycleClosed(
            cycle, subscription, index, FEBRUARY, MARCH, epoch=9, closed_at=MARCH, is_last=True
        ),
        "rating.completed": RatingCompleted(
            rating, cycle, subscription, customer, index, FEBRUARY, MARCH, MARCH, "EUR", 100, 9, "1"
        ),
        "invoice.paid": InvoicePaid(own["invoice_id"], "1", "EUR", 100, FEBRUARY, subscription, "opening"),
        "invoice.generated": InvoiceGenerated(
            own["invoice_id"], "1", customer, None, None, None, "EUR", 100, 0, 100, FEBRUARY, FEBRUARY, None, "one_off"
        ),
        "invoice.voided": InvoiceVoided(own["invoice_id"], "1", "from the outside", own["journal_id"], FEBRUARY),
        "invoice.uncollectible": InvoiceUncollectible(
            own["invoice_id"], "1", customer, "EUR", 100, "from the outside", own["journal_id"], FEBRUARY
        ),
        "credit.issued": CreditIssued(
            own["credit_note_id"],
            "1",
            customer,
            None,
            own["invoice_id"],
            "USD",
            100,
            100,
            FEBRUARY,
            own["journal_id"],
            grant_id=own["grant_id"],
            refund=True,
        ),
        "dunning.started": DunningStarted(
            own["invoice_id"], "1", customer, (subscription,), 100, "EUR", None, FEBRUARY
        ),
        "dunning.ended": DunningEnded(
            own["invoice_id"], "1", customer, (subscription,), "exhausted", "cancel_and_uncollectible", FEBRUARY
        ),
        "webhook.test": WebhookTest(own["endpoint_id"], "from the outside"),
    }
    assert {subject: type(payload) for subject, payload in told.items()} == {s: BY_SUBJECT[s].payload for s in told}
    return told


def _first(rows: Rows, world: World, table: str, column: str) -> str:
    return str(msgspec.json.decode(rows.of(world.tenant_id)[table][0])[column])


async def publish(installation: LocalInstallation, subject: str, tenant_id: str, payload: Any, event_id: UUID) -> None:
    """Straight into the stream, past outbox and dispatcher."""
    resource = next((v for n, v in msgspec.structs.asdict(payload).items() if isinstance(v, UUID)), uuid4())
    event = CloudEvent(
        id=event_id, type=subject, source="/somewhere", time=datetime.now(UTC), tenantid=UUID(tenant_id),
        resourceid=resource, resourceseq=99, correlationid=uuid4(), dataversion=1,
        data=msgspec.Raw(msgspec.json.encode(payload)),
    )  # fmt: skip
    connection = await nats.connect(installation.stack.nats_url)
    await connection.jetstream().publish(f"billing.{subject}", msgspec.json.encode(event))
    await connection.close()


async def taken(rows: Rows, tenant_id: str, event_id: UUID, consumers: int) -> None:
    """Return once every consumer has taken charge of the event."""

    async def done() -> bool:
        query = "SELECT count(*) FROM inbox WHERE tenant_id = %s AND event_id = %s"
        return bool(rows.one(query, tenant_id, event_id) >= consumers)

    await until(done, seconds=PATIENCE_SECONDS, what=f"event {event_id} to be taken", every_seconds=0.05)


async def test_events_in_the_name_of_one_tenant_change_nothing_of_another(
    installation: LocalInstallation, guard: Guard, rows: Rows, subscribed: list[tuple[str, str]]
) -> None:
    events = forged(rows, guard.b)
    handled = {subject for subject, consumer in subscribed if consumer != "webhook" or subject == "webhook.test"}
    assert handled == set(events), "another kind of event is handled now: forge it here as well"
    a = guard.a.tenant_id
    for subject, payload in events.items():
        event_id = new_id()
        await publish(installation, subject, a, payload, event_id)
        await taken(rows, a, event_id, sum(subject == s for s, _ in subscribed))
    await settle(rows, guard.b.tenant_id, subscribed)
    guard.assert_unchanged()

    async with Api(installation.api.url, guard.a.key) as api:
        invoices = await Seller(a, guard.a.key, api).invoices()
    assert {invoice["customer_id"] for invoice in invoices} == {guard.a.own["customer_id"]}
    query = "SELECT count(*) FROM webhook_deliveries WHERE tenant_id = %s AND subject = 'webhook.test' AND status = %s"

    async def given_up() -> bool:
        return bool(rows.one(query, a, "dead_letter") == 1)

    await until(given_up, seconds=PATIENCE_SECONDS, what="the test of B's endpoint to be given up", every_seconds=0.05)
    assert rows.one(query, a, "delivered") == 0, "B's endpoint isn't A's to test"


async def test_an_event_under_the_id_of_anothers_event_stands_in_no_ones_way(
    installation: LocalInstallation, guard: Guard, rows: Rows
) -> None:
    b = guard.b.tenant_id
    real = rows.one("SELECT event_id FROM billing_events WHERE tenant_id = %s AND subject = 'subscription.created'", b)
    await publish(
        installation, "subscription.canceled", guard.a.tenant_id, forged(rows, guard.b)["subscription.canceled"], real
    )
    await taken(rows, guard.a.tenant_id, real, 1)
    guard.assert_unchanged()


async def test_a_payload_that_names_another_tenant_than_its_envelope_becomes_a_dead_letter(
    installation: LocalInstallation, guard: Guard, rows: Rows
) -> None:
    payload = TenantCreated(**_tenant_created(guard.b))
    event_id = new_id()
    await publish(installation, "tenant.created", guard.a.tenant_id, payload, event_id)
    query = "SELECT count(*) FROM dead_letters WHERE tenant_id = %s AND event_id = %s"

    async def buried() -> bool:
        return bool(rows.one(query, guard.a.tenant_id, event_id))

    await until(buried, seconds=PATIENCE_SECONDS, what="the dead letter", every_seconds=0.05)
    guard.assert_unchanged()


def _tenant_created(b: World) -> dict[str, Any]:
    samples: dict[str, Any] = {"tenant_id": UUID(b.tenant_id), "sandbox": False}
    return {field: samples.get(field, "x") for field in TenantCreated.__struct_fields__}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'{"specversion":"1.0"}', b"\xff\xfe", b"[" * 100_000],
    ids=lambda b: repr(b[:20]),
)
async def test_garbage_on_the_bus_stops_nothing(
    installation: LocalInstallation, guard: Guard, rows: Rows, body: bytes
) -> None:
    connection = await nats.connect(installation.stack.nats_url)
    await connection.jetstream().publish("billing.subscription.created", body)
    await connection.close()
    event_id = new_id()
    await publish(installation, "webhook.test", guard.a.tenant_id, WebhookTest(uuid4(), "after garbage"), event_id)
    await taken(rows, guard.a.tenant_id, event_id, 1)
    guard.assert_unchanged()
