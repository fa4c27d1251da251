"""Months that are closed: nothing lands in them, whoever posts and whenever."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from books import Books
from corebilling.kernel.errors import Conflict, Invalid
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.ledger.periods import LedgerPeriods
from corebilling.ledger.recognition import RevenueRecognition
from corebilling.ledger.schemas.reports import EntryFilter
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

JANUARY = datetime(2026, 1, 15, tzinfo=UTC)
FEBRUARY = datetime(2026, 1, 31, 23, tzinfo=UTC)
"""The first instant of February in Paris."""


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


@pytest.fixture
async def periods(books: Books) -> LedgerPeriods:
    recognition = RevenueRecognition(clock=wall_clock, sandboxes=books.tenants, ledger=books.ledger)
    return LedgerPeriods(clock=wall_clock, clocks=books.tenants, tenants=books.tenants, recognition=recognition)


async def paris(books: Books) -> UUID:
    """A tenant whose months are those of Paris."""
    return await books.tenant(time_zone="Europe/Paris", sandbox=True, clock_at="2026-03-10T00:00:00Z")


def draft(tenant_id: UUID, at: datetime) -> JournalDraft:
    entries = (EntryDraft("1200", 100, new_id()), EntryDraft("4000", -100))
    return JournalDraft(tenant_id, "invoice", new_id(), "EUR", at, "Invoice", entries)


async def post(books: Books, db: Database, *drafts: JournalDraft) -> None:
    async with db.tenants({one.tenant_id for one in drafts}) as tx:
        await books.ledger.post(tx, drafts)


async def effective(books: Books, db: Database, tenant: UUID) -> list[datetime]:
    async with db.tenant(tenant) as tx:
        rows = await books.ledger.entries(tx, tenant, EntryFilter(account="1200"), before=None, limit=500)
    return sorted(row.effective_at for row in rows)


async def close(periods: LedgerPeriods, db: Database, tenant: UUID, month: str) -> None:
    async with db.tenant(tenant) as tx:
        await periods.close(tx, tenant, month, "an accountant")


async def test_what_comes_late_takes_effect_in_the_first_open_month_of_its_tenant_alone(
    books: Books, periods: LedgerPeriods, db: Database
) -> None:
    mine, other = await paris(books), await paris(books)
    await post(books, db, draft(mine, JANUARY))
    await close(periods, db, mine, "2026-01")
    await post(books, db, draft(mine, JANUARY), draft(mine, FEBRUARY), draft(other, JANUARY))
    assert await effective(books, db, mine) == [JANUARY, FEBRUARY, FEBRUARY]
    assert await effective(books, db, other) == [JANUARY]


async def test_months_close_in_their_order_once_they_are_over(
    books: Books, periods: LedgerPeriods, db: Database
) -> None:
    tenant = await paris(books)
    with pytest.raises(Invalid, match="2026-03 isn't over; close a month before 2026-03"):
        await close(periods, db, tenant, "2026-03")
    await close(periods, db, tenant, "2026-02")
    for month in ("2026-01", "2026-02"):
        with pytest.raises(Conflict, match="closed through 2026-02 already"):
            await close(periods, db, tenant, month)
    async with db.tenant(tenant) as tx:
        [closed] = await periods.find(tx, tenant, before=None, limit=5)
    assert (closed.id, closed.open_from, closed.closed_by) == (
        "2026-02",
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        "an accountant",
    )


async def test_no_posting_that_runs_while_a_month_closes_lands_in_it_afterwards(
    books: Books, periods: LedgerPeriods, db: Database
) -> None:
    tenant, other = await paris(books), await paris(books)
    begun = asyncio.Event()
    under_way = 0

    async def one(number: int) -> None:
        nonlocal under_way
        async with db.tenants([tenant, other]) as tx:
            await books.ledger.post(tx, [draft(tenant, JANUARY + timedelta(seconds=number)), draft(other, JANUARY)])
            under_way += 1
            if under_way == 5:
                begun.set()
            # Some are written and not committed yet when the closing begins, the others come while it waits or later.
            await asyncio.sleep(0.002 * (number % 7))

    async def closing() -> set[datetime]:
        await begun.wait()
        async with db.tenant(tenant) as tx:
            await periods.close(tx, tenant, "2026-01", "an accountant")
        return {at for at in await effective(books, db, tenant) if at < FEBRUARY}

    async with asyncio.TaskGroup() as tasks:
        closed = tasks.create_task(closing())
        for number in range(20):
            tasks.create_task(one(number))
    found = await effective(books, db, tenant)
    assert len(found) == 20
    assert {at for at in found if at < FEBRUARY} == closed.result()
    assert await effective(books, db, other) == [JANUARY] * 20


async def test_the_database_refuses_a_journal_in_a_closed_month_to_everybody(
    books: Books, periods: LedgerPeriods, db: Database, owner_url: str
) -> None:
    tenant = await paris(books)
    await close(periods, db, tenant, "2026-01")
    journal = (
        f"WITH j AS (INSERT INTO journals (tenant_id, journal_id, document_type, document_id, currency, total_minor,"
        f" entry_count, effective_at, posted_at, description, digest) VALUES ('{tenant}', '{new_id()}', 'manual', '{new_id()}',"
        f" 'EUR', 5, 2, '{{at}}', now(), '', decode(repeat('00', 32), 'hex')) RETURNING tenant_id, journal_id)"
        f" INSERT INTO entries (tenant_id, journal_id, entry_no, account, currency, amount_minor)"
        f" SELECT tenant_id, journal_id, n, '1000', 'EUR', a FROM j, (VALUES (1, 5), (2, -5)) AS v(n, a)"
    )
    late = journal.format(at=FEBRUARY - timedelta(microseconds=1))
    for scope in (db.tenant(tenant), db.tenants([tenant])):
        with pytest.raises(errors.CheckViolation, match="nothing can be posted"):
            async with scope as tx:
                await tx.conn.execute(late)
    with psycopg.connect(owner_url) as conn, pytest.raises(errors.CheckViolation, match="nothing can be posted"):
        conn.execute(late)
    with psycopg.connect(owner_url) as conn:
        conn.execute(journal.format(at=FEBRUARY))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_periods SET open_from = open_from - interval '1 month'",
        "DELETE FROM ledger_periods",
        "TRUNCATE ledger_periods",
    ],
)
async def test_a_month_cannot_be_opened_again(
    books: Books, periods: LedgerPeriods, db: Database, owner_url: str, statement: str
) -> None:
    tenant = await paris(books)
    await close(periods, db, tenant, "2026-01")
    for scope in (db.tenant(tenant), db.tenants([tenant]), db.system()):
        with pytest.raises(errors.InsufficientPrivilege):
            async with scope as tx:
                await tx.conn.execute(statement)
    with psycopg.connect(owner_url) as conn, pytest.raises(errors.RestrictViolation):
        conn.execute(statement)
    with psycopg.connect(owner_url) as conn, pytest.raises(errors.CheckViolation, match="closed through this month"):
        conn.execute(
            "INSERT INTO ledger_periods SELECT tenant_id, open_from - interval '1 day', month, closed_at, closed_by"
            " FROM ledger_periods WHERE tenant_id = %s",
            (tenant,),
        )
