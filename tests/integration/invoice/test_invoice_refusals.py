"""What the database itself refuses, whatever the code above does."""

from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from books import Books, flat
from corebilling.invoice.schemas import InvoiceCreate, LineCreate
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.tax_rates import TaxRates
from corebilling.kernel.ids import new_id
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

INVOICE = """INSERT INTO invoices (tenant_id, invoice_id, customer_id, currency, line_count, subtotal_minor, tax_minor, total_minor,
               seller, customer, created_at)
             VALUES ('{tenant}', '{invoice}', '{invoice}', 'EUR', {count}, {subtotal}, 0, {subtotal}, '{{}}', '{{}}', now())"""
STATE = """INSERT INTO invoice_state (tenant_id, invoice_id, status, total_minor, seq, changed_at)
           VALUES ('{tenant}', '{invoice}', '{status}', {total}, 1, now())"""
LINES = """INSERT INTO invoice_lines (tenant_id, invoice_id, line_no, kind, description, quantity, amount_minor, derivation)
           SELECT '{tenant}', '{invoice}', l.no, 'one_off', 'x', 1, l.amount, '{{}}' FROM (VALUES {lines}) AS l(no, amount)"""


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


@pytest.mark.parametrize(
    ("facts", "lines", "state"),
    [
        ({"subtotal": 100}, "(1, 60), (2, 39)", {}),
        ({"subtotal": 100}, "(1, 60), (3, 40)", {}),
        ({"subtotal": 100, "count": 3}, "(1, 60), (2, 40)", {}),
        ({"subtotal": 100}, "(1, 60), (2, 40)", {"total": 99}),
        ({"subtotal": 100}, "(1, 60), (2, 40)", {"status": "open"}),
    ],
    ids=["another sum", "a number left out", "a line missing", "another total in the state", "open without a number"],
)
async def test_an_invoice_that_its_lines_do_not_make_up_is_refused(
    books: Books, db: Database, facts: dict, lines: str, state: dict
) -> None:
    names = {"tenant": await books.tenant(), "invoice": new_id()}
    parts = [
        STATE.format(**names, **({"total": 100, "status": "draft"} | state)),
        INVOICE.format(**names, **({"count": 2} | facts)),
        LINES.format(**names, lines=lines),
    ]
    with pytest.raises(errors.CheckViolation):
        async with db.tenant(names["tenant"]) as tx:
            await tx.conn.execute(f"WITH s AS ({parts[0]}), i AS ({parts[1]}) {parts[2]}")


async def test_an_invoice_without_its_lines_is_refused(books: Books, db: Database) -> None:
    names = {"tenant": await books.tenant(), "invoice": new_id()}
    with pytest.raises(errors.CheckViolation):
        async with db.tenant(names["tenant"]) as tx:
            state = STATE.format(**names, total=100, status="draft")
            await tx.conn.execute(f"WITH s AS ({state}) {INVOICE.format(**names, count=2, subtotal=100)}")


async def test_lines_cannot_be_added_later(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("20"))
    for lines, refusal in (("(1, 2000)", errors.UniqueViolation), ("(2, 0)", errors.CheckViolation)):
        with pytest.raises(refusal):
            async with db.tenant(tenant) as tx:
                await tx.conn.execute(LINES.format(tenant=tenant, invoice=invoice.id, lines=lines))


CHANGES = (
    "UPDATE invoices SET total_minor = 1, subtotal_minor = 1 WHERE invoice_id = '{0}'",
    "UPDATE invoices SET number = 'X' WHERE invoice_id = '{0}'",
    "UPDATE invoices SET customer = '{{}}' WHERE invoice_id = '{0}'",
    "DELETE FROM invoices WHERE invoice_id = '{0}'",
    "UPDATE invoice_lines SET amount_minor = 1 WHERE invoice_id = '{0}'",
    "DELETE FROM invoice_lines WHERE invoice_id = '{0}'",
)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_final_invoice_is_frozen_even_for_the_owner(
    books: Books, db: Database, owner_url: str, change: str
) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("20"))
    statement = change.format(invoice.id)
    for scope in (db.tenant(tenant), db.tenants([tenant]), db.system()):
        with pytest.raises((errors.InsufficientPrivilege, errors.RestrictViolation)):
            async with scope as tx:
                await tx.conn.execute(statement)
    with psycopg.connect(owner_url) as conn, pytest.raises(errors.RestrictViolation, match="immutable once final"):
        conn.execute(statement)


async def test_a_draft_loses_its_lines_only_together_with_itself(books: Books, db: Database, owner_url: str) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", [LineCreate("A", Decimal(1))]))
    with pytest.raises(errors.InsufficientPrivilege):
        async with db.tenant(tenant) as tx:
            await tx.conn.execute("DELETE FROM invoice_lines")
    async with db.tenant(tenant) as tx:
        await books.invoices.delete_draft(tx, tenant, draft.id)
    with psycopg.connect(owner_url) as conn:
        for table in ("invoices", "invoice_lines", "invoice_state"):
            left = conn.execute(f"SELECT count(*) FROM {table} WHERE invoice_id = %s", (draft.id,)).fetchone()
            assert left == (0,)


async def test_a_draft_cannot_become_final_without_a_journal_or_before_its_state(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", [LineCreate("A", Decimal(1))]))
    final = (
        "UPDATE invoices SET number = 'N', series = 'S', issued_at = now(), due_at = now(){} WHERE invoice_id = '{}'"
    )
    for more, constraint in (("", "invoices_journal"), (f", journal_id = '{new_id()}'", "invoices_whole")):
        with pytest.raises(errors.CheckViolation) as refused:
            async with db.tenant(tenant) as tx:
                await tx.conn.execute(final.format(more, draft.id))
        assert refused.value.diag.constraint_name == constraint


async def test_a_second_invoice_for_a_period_is_refused_by_its_claim(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("20"))
    with pytest.raises(errors.UniqueViolation):
        async with db.tenants([tenant]) as tx:
            await tx.conn.execute(
                "INSERT INTO invoice_claims VALUES (%s, %s, %s, 'period', %s)",
                (tenant, invoice.subscription_id, invoice.period_start, new_id()),
            )


async def test_more_than_the_total_cannot_be_paid(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    invoice = await books.invoice(tenant, await books.customer(tenant), flat("20"))
    for change in ("paid_minor = 2001", "paid_minor = 2000", "status = 'paid'", "status = 'void'", "status = 'lost'"):
        with pytest.raises(errors.CheckViolation):
            async with db.tenant(tenant) as tx:
                await tx.conn.execute(f"UPDATE invoice_state SET {change} WHERE invoice_id = '{invoice.id}'")
    with pytest.raises(errors.RestrictViolation):
        async with db.tenant(tenant) as tx:
            await tx.conn.execute("UPDATE invoice_state SET total_minor = 5000")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoices SET total_minor = total_minor + 1, tax_minor = tax_minor + 1 WHERE invoice_id = '{0}'",
        "UPDATE invoices SET memo = 'changed' WHERE invoice_id = '{0}'",
        "UPDATE invoices SET net_days = 90 WHERE invoice_id = '{0}'",
        "UPDATE invoices SET posting_version = NULL WHERE invoice_id = '{0}'",
        "UPDATE invoices SET customer = '{{}}' WHERE invoice_id = '{0}'",
        "DELETE FROM invoice_line_taxes WHERE invoice_id = '{0}'",
        "UPDATE invoice_state SET total_minor = total_minor + 1 WHERE invoice_id = '{0}'",
        "DELETE FROM invoices WHERE invoice_id = '{0}'",
    ],
)
async def test_nothing_of_a_final_invoice_with_taxes_changes(books: Books, db: Database, change: str) -> None:
    invoice = await taxed(books)
    with pytest.raises(errors.RestrictViolation):
        async with db.tenant(invoice[0]) as tx:
            await tx.conn.execute(change.format(invoice[1]))


async def test_a_tax_that_comes_later_is_refused(books: Books, db: Database) -> None:
    tenant, _ = await taxed(books)
    with pytest.raises(errors.CheckViolation):
        async with db.tenant(tenant) as tx:
            await tx.conn.execute(
                "INSERT INTO invoice_line_taxes SELECT tenant_id, invoice_id, line_no, 2::smallint, code, name, place, "
                "category, rate, inclusive, taxable_minor, tax_minor, reason FROM invoice_line_taxes"
            )


async def test_a_draft_cannot_become_final_with_taxes_that_are_not_its_own(books: Books, db: Database) -> None:
    tenant, _ = await taxed(books)
    async with db.tenant(tenant) as tx:
        order = InvoiceCreate("acme", [LineCreate("Work", Decimal(10))])
        draft = await books.invoices.create_draft(tx, tenant, order)
        assert draft.total_minor == 1200
    with pytest.raises(errors.CheckViolation):
        async with db.tenant(tenant) as tx:
            await tx.conn.execute("DELETE FROM invoice_line_taxes WHERE invoice_id = %s", (draft.id,))
            await tx.conn.execute("UPDATE invoice_state SET status = 'open' WHERE invoice_id = %s", (draft.id,))
            await tx.conn.execute(
                "UPDATE invoices SET number = 'X-1', series = 'X', issued_at = now(), due_at = now(), journal_id = %s "
                "WHERE invoice_id = %s",
                (draft.id, draft.id),
            )


async def taxed(books: Books) -> tuple[UUID, UUID]:
    """A tenant with a tax rate, and a final invoice of its."""
    tenant = await books.tenant(country="FR")
    await books.customer(tenant)
    async with books.db.tenant(tenant) as tx:
        await TaxRates(clock=wall_clock).create(
            tx, tenant, TaxRateCreate(name="VAT", rate=Decimal("0.2"), country="FR")
        )
        order = InvoiceCreate("acme", [LineCreate("Work", Decimal(10))], finalize=True)
        invoice = await books.invoices.create_draft(tx, tenant, order)
    assert (invoice.tax_minor, invoice.total_minor) == (200, 1200)
    return tenant, invoice.id
