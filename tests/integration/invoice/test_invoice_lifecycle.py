"""What becomes of final invoices: reminders, void, reissue, given up, paid after all; every journal on the real ledger."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from books import JANUARY, Books, charge, flat
from corebilling.events.envelope import Envelope
from corebilling.events.payment import DunningEnded
from corebilling.invoice.handlers import on_dunning_ended
from corebilling.invoice.schemas import InvoiceCreate, InvoiceDetailOut, LineCreate
from corebilling.invoice.service import InvoiceFilter
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.settlement import GrantDraft, Settlement
from corebilling.platform.db import Database
from invoicing import invoicing_worker, move, only, sandbox, trial

START = datetime(2026, 1, 1, tzinfo=UTC)
TEN = [LineCreate("Work", Decimal(10))]


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


async def issued(books: Books, tenant: UUID, *lines: LineCreate, **more: object) -> InvoiceDetailOut:
    """A one-off invoice, final at once."""
    wanted = InvoiceCreate("acme", list(lines) or TEN, finalize=True, **more)
    async with books.db.tenant(tenant) as tx:
        return await books.invoices.create_draft(tx, tenant, wanted)


async def told(db: Database, invoice_id: UUID, subject: str) -> list[dict]:
    async with db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT payload FROM billing_events WHERE resource_id = %s AND subject = %s ORDER BY event_id",
            (invoice_id, subject),
        )
        return [msgspec.json.decode(row[0]) for row in await cursor.fetchall()]


async def test_each_reminder_is_told_once_by_any_number_of_workers_and_only_while_it_is_owed(
    books: Books, db: Database
) -> None:
    tenant = await sandbox(books, START, net_days=10, invoicing={"reminder_days": [-3, 7]})
    await books.customer(tenant)
    owed, paid = await issued(books, tenant), await issued(books, tenant)
    seen = []
    for day in (8, 11, 18, 30):
        async with db.system() as tx:
            due = await books.invoices.earliest_due(tx, tenant)
        assert due is None or due <= START + timedelta(days=day - 1)
        await move(books, tenant, START + timedelta(days=day - 1))
        await asyncio.gather(*(invoicing_worker(books).work_once() for _ in range(3)))
        seen.append([one["days"] for one in await told(db, owed.id, "invoice.due")])
        if day == 8:
            async with db.tenant(tenant) as tx:
                await books.invoices.settle(tx, [Settlement(tenant, paid.id, None, None, START)])
    assert seen == [[-3], [-3, 0], [-3, 0, 7], [-3, 0, 7]]
    assert [one["days"] for one in await told(db, paid.id, "invoice.due")] == [-3]
    assert (await told(db, owed.id, "invoice.due"))[0]["due_minor"] == 1000
    async with db.system() as tx:
        assert await books.invoices.earliest_due(tx, tenant) is None


async def test_what_is_past_due_is_listed_by_the_tenants_time(books: Books, db: Database) -> None:
    tenant = await sandbox(books, START, net_days=10)
    customer = await books.customer(tenant)
    invoice = await issued(books, tenant, purchase_order="PO-1")

    async def listed(**wanted: object) -> list[UUID]:
        async with db.tenant(tenant) as tx:
            found = await books.invoices.find(tx, tenant, InvoiceFilter(**wanted), after=None, limit=5)
        return [row.id for row in found]

    assert await listed(status="past_due") == []
    assert await listed(due_before=START + timedelta(days=11)) == [invoice.id]
    await move(books, tenant, START + timedelta(days=11))
    assert await listed(status="past_due") == [invoice.id]
    assert (await only(books, tenant)).past_due
    assert await listed(status="past_due", due_before=START) == []
    for customer_ref in ("acme", str(customer)):
        assert await listed(customer=customer_ref) == [invoice.id]
    assert await listed(customer="nobody") == []
    assert await listed(currency="EUR", purpose="one_off", issued_from=START, issued_to=START + timedelta(days=1)) == [
        invoice.id
    ]
    assert await listed(issued_to=START) == await listed(currency="USD") == await listed(purpose="period") == []


async def test_a_term_paid_ahead_is_put_off_and_a_void_takes_that_back(books: Books, db: Database) -> None:
    tenant = await sandbox(books, START)
    await books.customer(tenant)
    ahead = LineCreate(
        "Support", Decimal(120), product="support", period_start=START, period_end=START + timedelta(days=365)
    )
    invoice = await issued(books, tenant, ahead, LineCreate("Set-up", Decimal(30), product="services"))
    assert await trial(books, tenant) == {"1200": 15000, "2400": -12000, "4000.services": -3000}
    async with db.tenant(tenant) as tx:
        await books.invoices.void(tx, tenant, invoice.id, "never wanted")
    assert await trial(books, tenant) == {}


async def test_voiding_gives_the_wallet_back_what_it_paid(books: Books, db: Database) -> None:
    tenant = await sandbox(books, START)
    customer = await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        await books.wallets.grant(tx, [GrantDraft(tenant, customer, "EUR", 400, "purchase", START)])
    invoice = await issued(books, tenant)
    assert (invoice.prepaid_minor, invoice.due_minor, invoice.status) == (400, 600, "open")
    assert await trial(books, tenant) == {"1000": 400, "1200": 600, "4000": -1000}
    async with db.tenant(tenant) as tx:
        void = await books.invoices.void(tx, tenant, invoice.id, "wrong")
    assert (void.status, void.prepaid_minor) == ("void", 0)
    assert await trial(books, tenant) == {"1000": 400, "2300": -400}


async def test_an_invoice_that_is_issued_anew_has_billed_what_the_one_before_did(books: Books, db: Database) -> None:
    tenant = await sandbox(books)
    events = await books.rated(tenant, [await books.customer(tenant)], flat("20"))
    await books.bill(events)
    before = await only(books, tenant)
    async with db.tenant(tenant) as tx:
        after = await books.invoices.reissue(tx, tenant, before.id, "wrong address")
        assert (await books.invoices.get(tx, tenant, before.id)).status == "void"
    assert (after.number, after.replaces_invoice_id, after.total_minor) == ("INV-2026-000002", before.id, 2000)
    assert (after.subscription_id, after.purpose) == (before.subscription_id, "period")
    await books.bill(events)
    async with db.tenant(tenant) as tx:
        rows = await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=5)
        assert [row.status for row in rows] == ["open", "void"], "the period is billed and stays so"
        with pytest.raises(Conflict, match="issue a new invoice"):
            await books.invoices.reissue(tx, tenant, before.id, "again")
        await books.invoices.void(tx, tenant, after.id, "all wrong")
    await books.bill(events)
    async with db.tenant(tenant) as tx:
        assert len(await books.invoices.find(tx, tenant, InvoiceFilter(status="open"), after=None, limit=5)) == 1
    assert await trial(books, tenant) == {"1200": 2000, "4000": -2000}


async def test_an_invoice_of_several_subscriptions_is_issued_anew_whole(books: Books, db: Database) -> None:
    tenant, group = await sandbox(books), new_id()
    customer = await books.customer(tenant)
    events = [
        await books.rating(tenant, customer, charge(1, "usage", 100 * n), group_id=group, group_size=2) for n in (1, 2)
    ]
    await books.bill(events)
    before = await only(books, tenant)
    async with db.tenant(tenant) as tx:
        after = await books.invoices.reissue(tx, tenant, before.id, "wrong address")
    await books.bill(events)
    async with db.tenant(tenant) as tx:
        open_ones = await books.invoices.find(tx, tenant, InvoiceFilter(status="open"), after=None, limit=5)
        of_one = InvoiceFilter(subscription_id=events[0].payload.subscription_id, status="open")
        assert [row.id for row in await books.invoices.find(tx, tenant, of_one, after=None, limit=5)] == [after.id]
    assert ([row.id for row in open_ones], after.total_minor) == ([after.id], 300)


async def test_what_is_given_up_is_written_off_and_money_after_all_takes_that_back(books: Books, db: Database) -> None:
    tenant = await sandbox(books, START)
    await books.customer(tenant)
    invoice = await issued(books, tenant)
    async with db.tenant(tenant) as tx:
        await books.invoices.settle(tx, [Settlement(tenant, invoice.id, 300, None, START)])
        lost = await books.invoices.give_up(tx, tenant, invoice.id, "insolvent")
    assert (lost.status, lost.uncollectible_reason, lost.due_minor) == ("uncollectible", "insolvent", 0)
    assert await trial(books, tenant) == {"1200": 300, "4000": -1000, "5100": 700}
    [event] = await told(db, invoice.id, "invoice.uncollectible")
    assert event["written_off_minor"] == 700
    async with db.tenant(tenant) as tx:
        with pytest.raises(Conflict, match="given up"):
            await books.invoices.give_up(tx, tenant, invoice.id, "again")
    async with db.tenant(tenant) as tx:
        await books.invoices.settle(tx, [Settlement(tenant, invoice.id, 200, None, START)])
        again = await books.invoices.get(tx, tenant, invoice.id)
    assert (again.status, again.due_minor, again.uncollectible_at) == ("open", 500, None)
    assert await trial(books, tenant) == {"1200": 1000, "4000": -1000}
    async with db.tenant(tenant) as tx:
        assert (await books.invoices.give_up(tx, tenant, invoice.id, "really")).status == "uncollectible"
    assert await trial(books, tenant) == {"1200": 500, "4000": -1000, "5100": 500}


async def test_the_end_of_dunning_gives_up_where_that_is_the_last_measure(books: Books, db: Database) -> None:
    tenant = await sandbox(books, START)
    await books.customer(tenant)
    invoices = [await issued(books, tenant) for _ in range(3)]
    [like] = await books.rated(tenant, [await books.customer(tenant, "b")], flat("1"), period=JANUARY)

    def ended(invoice: InvoiceDetailOut, outcome: str, measure: str) -> Envelope[DunningEnded]:
        payload = DunningEnded(invoice.id, invoice.number or "", invoice.customer_id, (), outcome, measure, START)
        fields = {name: getattr(like, name) for name in like.__struct_fields__}
        return Envelope(**fields | {"payload": payload, "subject": "dunning.ended"})

    events = [
        ended(invoices[0], "exhausted", "uncollectible"),
        ended(invoices[1], "exhausted", "cancel"),
        ended(invoices[2], "paid", "uncollectible"),
    ]
    for _ in range(2):
        async with db.tenants([tenant]) as tx:
            await on_dunning_ended(books.invoices, tx, events)
    async with db.tenant(tenant) as tx:
        found = [(await books.invoices.get(tx, tenant, invoice.id)).status for invoice in invoices]
    assert found == ["uncollectible", "open", "open"]


async def test_a_preview_stores_nothing_and_takes_no_number(books: Books, db: Database) -> None:
    tenant = await sandbox(books, START, net_days=14)
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        proposed = await books.invoices.preview(tx, tenant, InvoiceCreate("acme", TEN))
    shown = await books.invoices.previewed(proposed)
    assert (shown.total_minor, shown.due_at, len(shown.lines)) == (1000, START + timedelta(days=14), 1)
    async with db.tenant(tenant) as tx:
        assert await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=5) == []
    assert (await issued(books, tenant)).number == "INV-2026-000001"


async def test_only_final_invoices_are_sent(books: Books, db: Database) -> None:
    tenant = await sandbox(books, START)
    await books.customer(tenant, email="ap@acme.example")
    invoice = await issued(books, tenant)
    async with db.tenant(tenant) as tx:
        await books.invoices.send(tx, tenant, invoice.id)
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", TEN))
        with pytest.raises(Conflict, match="only final invoices"):
            await books.invoices.send(tx, tenant, draft.id)
        with pytest.raises(NotFound):
            await books.invoices.send(tx, tenant, new_id())
    [event] = await told(db, invoice.id, "invoice.sent")
    assert (event["email"], event["download"]) == ("ap@acme.example", f"/v1/invoices/{invoice.id}/download")
