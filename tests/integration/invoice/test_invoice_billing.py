"""Closed periods become invoices, in batches; one-off invoices, voids, answers."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from books import CLOSED_AT, TIERS, Books, flat
from corebilling.invoice.metrics import GENERATED
from corebilling.invoice.schemas import InvoiceCreate, LineCreate
from corebilling.invoice.service import InvoiceFilter
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Database


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


async def subjects(db: Database, resource_id: object) -> list[str]:
    async with db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT subject FROM billing_events WHERE resource_id = %s ORDER BY event_id", (resource_id,)
        )
        return [row[0] for row in await cursor.fetchall()]


async def test_a_closed_period_becomes_an_open_invoice_with_its_journal(books: Books, db: Database) -> None:
    tenant = await books.tenant(time_zone="Europe/Berlin", net_days=14)
    customer = await books.customer(tenant)
    invoice = await books.invoice(tenant, customer, flat("20"), (TIERS, "2500"))
    assert invoice.number == "INV-2026-000001"
    assert (invoice.status, invoice.total_minor, invoice.due_minor) == ("open", 6750, 6750)
    assert [line.amount_minor for line in invoice.lines] == [2000, 4750]
    assert (invoice.issued_at, invoice.due_at) == (CLOSED_AT, datetime(2026, 2, 15, 1, tzinfo=UTC))
    assert (invoice.seller_name, invoice.customer_name) == ("Example Ltd", "Acme GmbH")
    async with db.tenant(tenant) as tx:
        [total] = (await books.ledger.trial_balance(tx, tenant, None)).currencies
    assert [(row.account, row.balance_minor) for row in total.accounts] == [("1200", 6750), ("4000", -6750)]
    assert await subjects(db, invoice.id) == ["invoice.generated", "invoice.status.changed"]


async def test_a_batch_serves_two_tenants_and_each_sees_its_own(books: Books, db: Database) -> None:
    one, two = await books.tenant(), await books.tenant(invoice_prefix="TWO")
    events = await books.rated(one, [await books.customer(one)], flat("1"))
    events += await books.rated(two, [await books.customer(two)], flat("2"))
    await books.bill(events)
    async with db.tenant(one) as tx:
        [mine] = await books.invoices.find(tx, one, InvoiceFilter(), after=None, limit=10)
        assert (mine.number, mine.total_minor) == ("INV-2026-000001", 100)
        assert await books.invoices.find(tx, two, InvoiceFilter(), after=None, limit=10) == []
    async with db.tenant(two) as tx:
        [theirs] = await books.invoices.find(tx, two, InvoiceFilter(), after=None, limit=10)
        assert theirs.number == "TWO-2026-000001"
        with pytest.raises(NotFound):
            await books.invoices.get(tx, two, mine.id)


async def test_a_period_is_invoiced_once_however_often_and_concurrently_it_is_told_of(
    books: Books, db: Database
) -> None:
    tenant = await books.tenant()
    customers = [await books.customer(tenant, f"c{n}") for n in range(5)]
    events = await books.rated(tenant, customers, flat("20"))
    await asyncio.gather(books.bill(events), books.bill(events[::-1]), books.bill([*events, events[0]]))
    async with db.tenant(tenant) as tx:
        rows = await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=50)
    assert sorted(row.number or "" for row in rows) == [f"INV-2026-{n:06d}" for n in range(1, 6)]


async def test_invoices_are_counted_once_they_are_committed(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    events = await books.rated(tenant, [await books.customer(tenant)], flat("20"))
    before = GENERATED._value.get()
    with pytest.raises(RuntimeError, match="undone"):
        async with db.tenants([tenant]) as tx:
            await books.invoices.bill(tx, events)
            raise RuntimeError("undone")
    assert GENERATED._value.get() == before
    await books.bill(events)
    assert GENERATED._value.get() == before + 1


async def test_a_period_that_costs_nothing_is_paid_at_once_without_a_journal(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("0"))
    assert (invoice.status, invoice.total_minor, invoice.journal_id) == ("paid", 0, None)
    assert invoice.number == "INV-2026-000001"
    assert await subjects(db, invoice.id) == ["invoice.generated", "invoice.status.changed", "invoice.paid"]
    without_lines = await books.invoice(tenant, await books.customer(tenant, "b"))
    assert (without_lines.status, without_lines.lines) == ("paid", [])


async def test_charges_that_do_not_make_the_ratings_total_are_not_invoiced(books: Books) -> None:
    tenant = await books.tenant()
    [event] = await books.rated(tenant, [await books.customer(tenant)], flat("20"))
    unknown = type(event.payload)(
        **{f: getattr(event.payload, f) for f in event.payload.__struct_fields__} | {"rating_id": new_id()}
    )
    with pytest.raises(Invalid, match="don't add up"):
        await books.bill(
            [type(event)(**{f: getattr(event, f) for f in event.__struct_fields__} | {"payload": unknown})]
        )


async def test_an_invoice_explains_itself_down_to_the_usage(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("20"), (TIERS, "2500"))
    async with db.tenant(tenant) as tx:
        told = await books.explaining.explain(tx, tenant, invoice.id)
    assert told.calculation == "20.00 + 47.50 = 67.50 EUR"
    fee, usage = told.lines
    assert fee.usage_events is None
    assert [step.calculation for step in usage.steps] == ["1000 x 0.02 = 20", "1500 x 0.015 + 5 = 27.5"]
    assert sum(Decimal(step.amount) for step in usage.steps) == Decimal(usage.exact_amount) == Decimal("47.5")
    assert usage.rounding == "47.5, rounded once, half away from zero, is 47.50 EUR"
    assert usage.usage_events == (
        f"/v1/usage/events?subscription_id={invoice.subscription_id}&meter=api_calls"
        "&from=2026-01-01T00%3A00%3A00Z&to=2026-02-01T00%3A00%3A00Z"
    )
    assert (told.epoch, usage.epoch) == (3, 3)


async def test_a_one_off_invoice_is_drafted_finalised_and_numbered(books: Books, db: Database) -> None:
    tenant = await books.tenant(sandbox=True, clock_at="2027-05-01T00:00:00Z")
    await books.customer(tenant)
    lines = [
        LineCreate("Consulting", Decimal("99.995"), Decimal("1.5"), "h"),
        LineCreate("Goodwill", Decimal("-49.99")),
    ]
    async with db.tenant(tenant) as tx:
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", lines))
    assert (draft.status, draft.number, draft.total_minor, draft.journal_id) == ("draft", None, 10000, None)
    assert await subjects(db, draft.id) == []
    async with db.tenant(tenant) as tx:
        final = await books.invoices.finalise(tx, tenant, draft.id)
    assert (final.status, final.number) == ("open", "INV-2027-000001")
    assert final.issued_at == datetime(2027, 5, 1, tzinfo=UTC)
    assert final.journal_id is not None
    assert await subjects(db, draft.id) == ["invoice.generated", "invoice.status.changed"]
    async with db.tenant(tenant) as tx:
        with pytest.raises(Conflict, match="is open and no draft any more"):
            await books.invoices.finalise(tx, tenant, draft.id)
        with pytest.raises(Conflict, match="void it instead"):
            await books.invoices.delete_draft(tx, tenant, draft.id)


async def test_a_draft_can_be_deleted_and_takes_no_number(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", [LineCreate("A", Decimal(1))]))
        await books.invoices.delete_draft(tx, tenant, draft.id)
        with pytest.raises(NotFound):
            await books.invoices.get(tx, tenant, draft.id)
        with pytest.raises(NotFound):
            await books.invoices.delete_draft(tx, tenant, draft.id)


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (LineCreate("A", Decimal("NaN")), "/lines/0/unit_amount"),
        (LineCreate("A", Decimal("Infinity")), "/lines/0/unit_amount"),
        (LineCreate("A", Decimal(1), Decimal(-1)), "/lines/0/quantity"),
        (LineCreate("A", Decimal("1E+15")), "/lines/0/unit_amount"),
        (LineCreate("A", Decimal("1E-13")), "/lines/0/unit_amount"),
        (LineCreate("A", Decimal("9E+14"), Decimal("9E+14")), "/lines/0"),
    ],
)
async def test_absurd_one_off_lines_are_refused_by_name(
    books: Books, db: Database, line: LineCreate, pointer: str
) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        with pytest.raises(Invalid) as refused:
            await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", [line]))
    assert [field.pointer for field in refused.value.fields] == [pointer]


async def test_a_negative_one_off_invoice_is_refused(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        with pytest.raises(Invalid, match="can't be negative"):
            await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", [LineCreate("A", Decimal(-1))]))


async def test_voiding_reverses_the_journal_and_lets_the_period_be_invoiced_again(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    events = await books.rated(tenant, [await books.customer(tenant)], flat("20"))
    await books.bill(events)
    async with db.tenant(tenant) as tx:
        [first] = await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=10)
        void = await books.invoices.void(tx, tenant, first.id, "wrong plan")
        assert (void.status, void.void_reason, void.due_minor, void.number) == ("void", "wrong plan", 0, first.number)
        [total] = (await books.ledger.trial_balance(tx, tenant, None)).currencies
        assert [row.balance_minor for row in total.accounts] == [0, 0]
        with pytest.raises(Conflict, match="issue a new invoice"):
            await books.invoices.void(tx, tenant, first.id, "again")
    assert (await subjects(db, first.id))[-2:] == ["invoice.status.changed", "invoice.voided"]
    await books.bill(events)
    async with db.tenant(tenant) as tx:
        open_ones = await books.invoices.find(tx, tenant, InvoiceFilter(status="open"), after=None, limit=10)
    assert [row.number for row in open_ones] == ["INV-2026-000002"]


async def test_invoices_are_found_by_customer_subscription_status_and_number_and_paged(
    books: Books, db: Database
) -> None:
    tenant = await books.tenant()
    one, two = await books.customer(tenant, "one"), await books.customer(tenant, "two")
    invoices = [await books.invoice(tenant, customer, flat("5")) for customer in (one, two, one)]
    async with db.tenant(tenant) as tx:

        async def found(after: object = None, limit: int = 50, **wanted: object) -> list[str]:
            rows = await books.invoices.find(tx, tenant, InvoiceFilter(**wanted), after=after, limit=limit)
            return [(row.number or "")[-1] for row in rows]

        assert await found() == ["3", "2", "1"]
        assert await found(customer_id=one) == ["3", "1"]
        assert await found(subscription_id=invoices[1].subscription_id) == ["2"]
        assert await found(subscription_id=invoices[1].subscription_id, customer_id=one) == []
        assert await found(number="INV-2026-000003") == ["3"]
        assert await found(number="INV-2026-000003", status="paid") == []
        assert await found(status="paid") == []
        assert await found(limit=2) + await found(after=invoices[1].id) == ["3", "2", "1"]
