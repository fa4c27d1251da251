"""One invoice for several subscriptions; invoices of what is due before a period ends, and what becomes of them."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from books import CLOSED_AT, JANUARY, Books, charge
from corebilling.events.catalog import BY_PAYLOAD
from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.events.subscription import SubscriptionInvoiceRequested, SubscriptionStatusChanged
from corebilling.invoice.downloads import Downloads
from corebilling.invoice.files import Files
from corebilling.invoice.handlers import on_subscription_status_changed
from corebilling.invoice.pdf.invoices import printable_invoice
from corebilling.invoice.schemas import InvoiceDetailOut
from corebilling.invoice.service import InvoiceFilter
from corebilling.kernel.ids import new_id
from corebilling.kernel.settlement import Settlement
from corebilling.platform.db import Database

START = JANUARY.start


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


async def group(books: Books, tenant: UUID, customer: UUID, size: int) -> list[Envelope[RatingCompleted]]:
    """Ratings of subscriptions that go on one invoice, each of 10.00 less a coupon's 1.00."""
    group_id = new_id()
    fee, coupon = charge(1, "recurring", 1000, discount_minor=-100), charge(2, "discount", -100, name="Coupon TEN")
    return [await books.rating(tenant, customer, fee, coupon, group_id=group_id, group_size=size) for _ in range(size)]


async def found(books: Books, tenant: UUID, **wanted: object) -> list[InvoiceDetailOut]:
    async with books.db.tenant(tenant) as tx:
        rows = await books.invoices.find(tx, tenant, InvoiceFilter(**wanted), after=None, limit=50)  # type: ignore[arg-type]
        return [await books.invoices.get(tx, tenant, row.id) for row in rows]


async def payloads(db: Database, resource_id: UUID, subject: str) -> list[dict[str, object]]:
    async with db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT payload::jsonb FROM billing_events WHERE resource_id = %s AND subject = %s ORDER BY event_id",
            (resource_id, subject),
        )
        return [json.loads(row[0]) for row in await cursor.fetchall()]


async def test_a_group_is_one_invoice_when_its_last_rating_is_there(books: Books, db: Database) -> None:
    tenant, other = await books.tenant(), await books.tenant()
    events = await group(books, tenant, await books.customer(tenant), 3)
    theirs = await group(books, other, await books.customer(other), 2)
    await books.bill([*events[:2], theirs[0]])
    assert (await found(books, tenant), await found(books, other)) == ([], [])
    await books.bill([events[2], theirs[1]])
    (invoice,) = await found(books, tenant)
    assert (invoice.number, invoice.total_minor, invoice.status) == ("INV-2026-000001", 2700, "open")
    assert (invoice.subscription_id, invoice.purpose, invoice.issued_at) == (None, "period", CLOSED_AT)
    subscriptions = sorted(event.payload.subscription_id for event in events)
    assert [line.subscription_id for line in invoice.lines] == [one for one in subscriptions for _ in range(2)]
    assert [(line.kind, line.amount_minor, line.discount_minor) for line in invoice.lines[:2]] == [
        ("recurring", 1000, -100), ("discount", -100, 0),
    ]  # fmt: skip
    assert [row.total_minor for row in await found(books, other)] == [1800]
    for subscription in subscriptions:
        assert [row.id for row in await found(books, tenant, subscription_id=subscription)] == [invoice.id]
        numbered = await found(books, tenant, subscription_id=subscription, number=invoice.number)
        assert [row.id for row in numbered] == [invoice.id]
    async with db.tenant(tenant) as tx:
        told = await books.explaining.explain(tx, tenant, invoice.id)
        content = await Downloads(logos=books.tenants, files=Files(store=None)).invoice(tx, tenant, invoice.id)
    assert sorted(told.ratings) == sorted(event.payload.rating_id for event in events)
    assert [bool(line.heading) for line in printable_invoice(content).lines] == [True, False] * 3
    (generated,) = await payloads(db, invoice.id, "invoice.generated")
    assert generated["subscription_ids"] == [str(one) for one in subscriptions]


async def test_what_one_invoice_cannot_hold_is_invoiced_one_by_one(books: Books) -> None:
    tenant, group_id = await books.tenant(), new_id()
    customer, fee = await books.customer(tenant), charge(1, "recurring", 9 * 10**18)
    events = [await books.rating(tenant, customer, fee, group_id=group_id, group_size=2) for _ in range(2)]
    for event in [*events, events[0]]:
        await books.bill([event])
    invoices = await found(books, tenant)
    assert [invoice.total_minor for invoice in invoices] == [9 * 10**18] * 2
    assert {invoice.subscription_id for invoice in invoices} == {event.payload.subscription_id for event in events}


async def test_a_group_whose_ratings_arrive_at_once_and_twice_is_invoiced_once(books: Books) -> None:
    tenant = await books.tenant()
    events = await group(books, tenant, await books.customer(tenant), 6)
    batches: list[Sequence[Envelope[RatingCompleted]]] = [
        events[:2],
        events[2:4],
        events[4:],
        events[1:3],
        events[::-1],
    ]
    random.Random(3).shuffle(batches)
    await asyncio.gather(*(books.bill(batch) for batch in batches))
    (invoice,) = await found(books, tenant)
    assert (invoice.total_minor, len(invoice.lines)) == (5400, 12)


async def test_voiding_the_invoice_of_a_group_lets_all_of_it_be_invoiced_again(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    events = await group(books, tenant, await books.customer(tenant), 2)
    await books.bill(events)
    (first,) = await found(books, tenant)
    async with db.tenant(tenant) as tx:
        await books.invoices.void(tx, tenant, first.id, "wrong address")
    await books.bill(events[:1])
    (again,) = await found(books, tenant, status="open")
    assert (again.number, again.total_minor) == ("INV-2026-000002", 1800)


def request(subscription_id: UUID, customer_id: UUID, purpose: str, no: int) -> SubscriptionInvoiceRequested:
    return SubscriptionInvoiceRequested(subscription_id, customer_id, purpose, no, START + timedelta(days=no))


async def test_an_opening_changes_and_the_period_itself_are_invoiced_once_each(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    customer, subscription = await books.customer(tenant), new_id()
    events = [await books.rating(tenant, customer, charge(1, "usage", 700), subscription_id=subscription)]
    for purpose, no, amount in (("opening", 1, 3000), ("change", 1, 1000), ("change", 2, 500)):
        asked = request(subscription, customer, purpose, no)
        fee = charge(1, "recurring", amount)
        events.append(await books.rating(tenant, customer, fee, subscription_id=subscription, request=asked))
    await books.bill(events)
    await books.bill(events)
    invoices = await found(books, tenant, subscription_id=subscription)
    assert {(row.purpose, row.total_minor) for row in invoices} == {
        ("opening", 3000), ("change", 1000), ("change", 500), ("period", 700),
    }  # fmt: skip
    opening = next(row for row in invoices if row.purpose == "opening")
    async with db.tenant(tenant) as tx:
        await books.invoices.settle(tx, [Settlement(tenant, opening.id, None, None, datetime(2026, 1, 3, tzinfo=UTC))])
    (paid,) = await payloads(db, opening.id, "invoice.paid")
    assert (paid["subscription_id"], paid["purpose"]) == (str(subscription), "opening")


async def test_the_opening_invoice_of_a_subscription_that_expired_is_voided_unless_something_was_paid(
    books: Books, db: Database
) -> None:
    tenant, other = await books.tenant(), await books.tenant()
    made = []
    for owner, paid_minor in ((tenant, 0), (tenant, 100), (other, 0)):
        customer, subscription = await books.customer(owner, f"c{len(made)}"), new_id()
        asked = request(subscription, customer, "opening", 1)
        event = await books.rating(
            owner, customer, charge(1, "recurring", 3000), subscription_id=subscription, request=asked
        )
        await books.bill([event])
        (invoice,) = await found(books, owner, subscription_id=subscription)
        if paid_minor:
            async with db.tenant(owner) as tx:
                await books.invoices.settle(tx, [Settlement(owner, invoice.id, paid_minor, None, START)])
        made.append((owner, subscription))
    told = [moved(*one, "expired") for one in made]
    async with db.tenants({tenant, other}) as tx:
        await on_subscription_status_changed(books.invoices, tx, [*told, moved(*made[0], "active")])
    async with db.tenants({tenant, other}) as tx:
        await on_subscription_status_changed(books.invoices, tx, told)
    statuses = [(await found(books, owner, subscription_id=one))[0] for owner, one in made]
    assert [(row.status, row.void_reason) for row in statuses] == [
        ("void", "the subscription expired before its first payment"),
        ("open", None),
        ("void", "the subscription expired before its first payment"),
    ]
    async with db.system() as tx:
        report = await books.proof.proof(tx)
    assert report.holds, report


def moved(tenant_id: UUID, subscription_id: UUID, after: str) -> Envelope[SubscriptionStatusChanged]:
    row = BY_PAYLOAD[SubscriptionStatusChanged]
    payload = SubscriptionStatusChanged(subscription_id, "incomplete", after)
    return Envelope(
        new_id(), row.subject, row.version, tenant_id, subscription_id, 2, new_id(), None, None, START, payload
    )
