"""Corrections as credit notes: of the invoice that billed too much, posted, numbered, settling what there is to settle."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from books import JANUARY, Books, charge
from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.invoice.credit_notes import CreditNoteFilter
from corebilling.invoice.downloads import Downloads
from corebilling.invoice.files import Files
from corebilling.invoice.pdf.credit_notes import printable_credit_note
from corebilling.invoice.pdf.invoices import printable_invoice
from corebilling.invoice.schemas import CreditNoteDetailOut, InvoiceDetailOut
from corebilling.invoice.service import InvoiceFilter
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.period import Period
from corebilling.kernel.settlement import Settlement
from corebilling.platform.db import Database

FEBRUARY = Period(JANUARY.end, datetime(2026, 3, 1, tzinfo=UTC), 1)


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


class Story:
    """January is billed at 15.00. February comes to some amount, and 5.00 of January turn out to be wrong."""

    def __init__(self, books: Books, tenant: UUID, customer: UUID) -> None:
        self.books, self.tenant, self.customer, self.subscription = books, tenant, customer, new_id()

    async def january(self) -> Envelope[RatingCompleted]:
        return await self.books.rating(
            self.tenant, self.customer, charge(1, "usage", 1500), subscription_id=self.subscription
        )

    async def february(self, amount_minor: int, credit_minor: int = -500) -> Envelope[RatingCompleted]:
        charges = [charge(1, "usage", amount_minor, period=FEBRUARY)] if amount_minor else []
        credit = charge(len(charges) + 1, "credit_note", credit_minor, billed_minor=1500, name="Data")
        return await self.books.rating(
            self.tenant, self.customer, *charges, credit, period=FEBRUARY, subscription_id=self.subscription
        )

    async def invoices(self) -> list[InvoiceDetailOut]:
        """In the order of their numbers."""
        wanted, service = InvoiceFilter(subscription_id=self.subscription), self.books.invoices
        async with self.books.db.tenant(self.tenant) as tx:
            rows = await service.find(tx, self.tenant, wanted, after=None, limit=10)
            return [await service.get(tx, self.tenant, row.id) for row in sorted(rows, key=lambda row: str(row.number))]

    async def notes(self) -> list[CreditNoteDetailOut]:
        service = self.books.invoices
        async with self.books.db.tenant(self.tenant) as tx:
            rows = await service.find_credit_notes(
                tx, self.tenant, CreditNoteFilter(customer=str(self.customer)), after=None, limit=10
            )
            return [await service.get_credit_note(tx, self.tenant, row.id) for row in rows]

    async def pay(self, invoice: InvoiceDetailOut, amount_minor: int | None = None) -> None:
        async with self.books.db.tenant(self.tenant) as tx:
            await self.books.invoices.settle(
                tx, [Settlement(self.tenant, invoice.id, amount_minor, None, datetime(2026, 2, 20, tzinfo=UTC))]
            )

    async def balances(self) -> list[tuple[str, int]]:
        async with self.books.db.tenant(self.tenant) as tx:
            [total] = (await self.books.ledger.trial_balance(tx, self.tenant, None)).currencies
        return [(row.account, row.balance_minor) for row in total.accounts]


@pytest.fixture
async def story(books: Books) -> Story:
    tenant = await books.tenant(correction_mode="credit_note")
    return Story(books, tenant, await books.customer(tenant))


async def subjects(db: Database, resource_id: UUID) -> list[str]:
    async with db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT subject FROM billing_events WHERE resource_id = %s ORDER BY event_id", (resource_id,)
        )
        return [row[0] for row in await cursor.fetchall()]


async def test_a_correction_becomes_a_credit_note_of_the_invoice_that_billed_it(story: Story, db: Database) -> None:
    await story.books.bill([await story.january()])
    await story.books.bill([await story.february(800)])
    january, february = await story.invoices()
    (note,) = await story.notes()
    assert (note.number, note.invoice_id, note.issued_at) == (
        "CN-2026-000001", january.id, datetime(2026, 3, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    assert (note.total_minor, note.applied_minor, note.unapplied_minor) == (500, 500, 0)
    (line,) = note.lines
    assert (line.billed_minor, line.corrected_minor, line.amount_minor) == (1500, 1000, 500)
    assert line.note == "10.00 instead of 15.00 that were billed"
    assert (line.period_start, line.period_end) == (JANUARY.start, JANUARY.end)
    assert [(one.invoice_id, one.amount_minor) for one in note.applications] == [(january.id, 500)]
    assert (january.status, january.total_minor, january.credited_minor, january.due_minor) == ("open", 1500, 500, 1000)
    assert (february.total_minor, february.due_minor) == (800, 800)
    assert [line.kind for line in february.lines] == ["usage"]
    assert await story.balances() == [("1200", 1800), ("4000", -1800)]
    assert await subjects(db, note.id) == ["credit.issued", "credit.applied"]
    async with db.system() as tx:
        report = await story.books.proof.proof(tx)
    assert report.holds, report


async def test_what_was_paid_already_is_credited_to_the_new_invoice(story: Story, db: Database) -> None:
    await story.books.bill([await story.january()])
    await story.pay((await story.invoices())[0])
    await story.books.bill([await story.february(800)])
    january, february = await story.invoices()
    (note,) = await story.notes()
    assert (note.invoice_id, note.applied_minor) == (january.id, 500)
    assert [(one.invoice_id, one.amount_minor) for one in note.applications] == [(february.id, 500)]
    assert (january.status, january.credited_minor) == ("paid", 0)
    assert (february.status, february.total_minor, february.credited_minor, february.due_minor) == (
        "open",
        800,
        500,
        300,
    )
    async with db.tenant(story.tenant) as tx:
        content = await Downloads(logos=story.books.tenants, files=Files(store=None)).invoice(
            tx, story.tenant, february.id
        )
    assert (content.credits, content.settled_minor) == ([("CN-2026-000001", 500)], 500)
    assert printable_invoice(content).due == "€3.00"


async def test_a_credit_note_is_printed_with_what_it_corrects_and_settles(story: Story, db: Database) -> None:
    await story.books.bill([await story.january()])
    await story.books.bill([await story.february(800)])
    (note,) = await story.notes()
    async with db.tenant(story.tenant) as tx:
        content = await Downloads(logos=story.books.tenants, files=Files(store=None)).credit_note(
            tx, story.tenant, note.id
        )
    shown = printable_credit_note(content)
    assert (shown.title, shown.total) == ("Credit note CN-2026-000001", "€5.00")
    assert ("Corrects invoice", "INV-2026-000001") in shown.facts
    assert shown.settled == [("Settles invoice INV-2026-000001", "5.00")]


async def test_a_part_of_each_and_the_rest_stays_the_customers(story: Story, db: Database) -> None:
    """14.00 of January's 15.00 are paid: 1.00 of the credit settles it, 2.00 February, and 2.00 are left."""
    await story.books.bill([await story.january()])
    await story.pay((await story.invoices())[0], 1400)
    await story.books.bill([await story.february(200)])
    january, february = await story.invoices()
    (note,) = await story.notes()
    assert {one.invoice_id: one.amount_minor for one in note.applications} == {january.id: 100, february.id: 200}
    assert (note.total_minor, note.applied_minor, note.unapplied_minor) == (500, 300, 200)
    assert [(i.status, i.due_minor, i.credited_minor) for i in (january, february)] == [
        ("paid", 0, 100), ("paid", 0, 200),
    ]  # fmt: skip
    for invoice in (january, february):
        assert (await subjects(db, invoice.id))[-2:] == ["invoice.status.changed", "invoice.paid"]
    with pytest.raises(Conflict):
        await story.pay(february)


async def test_a_rating_of_nothing_but_a_credit_leaves_an_invoice_over_nothing(story: Story) -> None:
    await story.books.bill([await story.january()])
    await story.pay((await story.invoices())[0])
    await story.books.bill([await story.february(0)])
    _, february = await story.invoices()
    (note,) = await story.notes()
    assert (february.status, february.lines, february.total_minor) == ("paid", [], 0)
    assert (note.applied_minor, note.unapplied_minor, note.applications) == (0, 500, [])


async def test_a_correction_of_what_was_voided_settles_the_new_invoice(story: Story) -> None:
    await story.books.bill([await story.january()])
    (january,) = await story.invoices()
    async with story.books.db.tenant(story.tenant) as tx:
        await story.books.invoices.void(tx, story.tenant, january.id, "wrong plan")
    await story.books.bill([await story.february(800)])
    february = (await story.invoices())[-1]
    (note,) = await story.notes()
    assert (note.invoice_id, [one.invoice_id for one in note.applications]) == (None, [february.id])


async def test_periods_that_come_in_one_batch_are_credited_like_those_that_come_in_two(story: Story) -> None:
    await story.books.bill([await story.february(800), await story.january()])
    january, _ = await story.invoices()
    (note,) = await story.notes()
    assert (note.invoice_id, [one.invoice_id for one in note.applications]) == (january.id, [january.id])


async def test_a_rating_told_twice_and_at_once_is_credited_once(story: Story) -> None:
    await story.books.bill([await story.january()])
    event = await story.february(800)
    await asyncio.gather(*(story.books.bill([event]) for _ in range(3)))
    assert len(await story.notes()) == 1


async def test_an_invoice_that_was_credited_is_settled_for_what_is_left_and_never_voided(story: Story) -> None:
    await story.books.bill([await story.january()])
    await story.books.bill([await story.february(800)])
    january, _ = await story.invoices()
    async with story.books.db.tenant(story.tenant) as tx:
        with pytest.raises(Conflict, match="credit notes settled 500"):
            await story.books.invoices.void(tx, story.tenant, january.id, "wrong")
    with pytest.raises(Conflict, match=r"more than the 10.00 EUR left"):
        await story.pay(january, 1001)
    await story.pay(january)
    january, _ = await story.invoices()
    assert (january.status, january.paid_minor, january.credited_minor) == ("paid", 1000, 500)


async def test_each_tenant_has_its_own_notes_and_numbers(story: Story, books: Books, db: Database) -> None:
    tenant = await books.tenant()
    other = Story(books, tenant, await books.customer(tenant))
    await books.bill([await story.january(), await other.january()])
    await books.bill([await story.february(800), await other.february(800)])
    (mine,), (theirs,) = await story.notes(), await other.notes()
    assert (mine.number, theirs.number) == ("CN-2026-000001", "CN-2026-000001")
    async with db.tenant(tenant) as tx:
        with pytest.raises(NotFound):
            await books.invoices.get_credit_note(tx, tenant, mine.id)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE credit_notes SET total_minor = 1 WHERE credit_note_id = '{0}'",
        "DELETE FROM credit_note_lines WHERE credit_note_id = '{0}'",
        "UPDATE credit_note_applications SET amount_minor = 1 WHERE credit_note_id = '{0}'",
    ],
)
async def test_a_credit_note_is_frozen_even_for_the_owner(
    story: Story, db: Database, owner_url: str, change: str
) -> None:
    await story.books.bill([await story.january()])
    await story.books.bill([await story.february(800)])
    (note,) = await story.notes()
    for scope in (db.tenant(story.tenant), db.tenants([story.tenant]), db.system()):
        with pytest.raises(errors.InsufficientPrivilege):
            async with scope as tx:
                await tx.conn.execute(change.format(note.id))
    with psycopg.connect(owner_url) as conn, pytest.raises(errors.RestrictViolation):
        conn.execute(change.format(note.id))


async def test_a_part_that_comes_later_is_refused(story: Story, db: Database) -> None:
    await story.books.bill([await story.january()])
    await story.books.bill([await story.february(800)])
    _, february = await story.invoices()
    (note,) = await story.notes()
    with pytest.raises(errors.CheckViolation):
        async with db.tenants([story.tenant]) as tx:
            await tx.conn.execute(
                "INSERT INTO credit_note_applications VALUES (%s, %s, %s, 100, now())",
                (story.tenant, note.id, february.id),
            )
    with pytest.raises(errors.CheckViolation):
        async with db.tenants([story.tenant]) as tx:
            await tx.conn.execute("UPDATE invoice_state SET credited_minor = 801 WHERE invoice_id = %s", (february.id,))
