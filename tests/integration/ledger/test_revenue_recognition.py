"""Deferred revenue: earned once, at each month's end in the tenant's zone, whoever posts it."""

import asyncio
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import errors

from books import Books
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import Deferral, EntryDraft, JournalDraft
from corebilling.ledger.periods import LedgerPeriods
from corebilling.ledger.recognition import RevenueRecognition
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

START = datetime(2025, 12, 31, 23, tzinfo=UTC)
END = datetime(2026, 12, 31, 23, tzinfo=UTC)
"""2026 in Paris."""

YEAR = Deferral(36_500, START, END, "seats")
JANUARY_ENDS = datetime(2026, 1, 31, 23, tzinfo=UTC)


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


@pytest.fixture
async def recognition(books: Books) -> RevenueRecognition:
    return RevenueRecognition(clock=wall_clock, sandboxes=books.tenants, ledger=books.ledger)


async def paris(books: Books, clock_at: str = "2026-01-01T12:00:00Z") -> UUID:
    """A tenant whose months are those of Paris, and who stands at that instant."""
    return await books.tenant(time_zone="Europe/Paris", sandbox=True, clock_at=clock_at)


async def move(books: Books, db: Database, tenant: UUID, to: datetime) -> None:
    async with db.system() as tx:
        await books.tenants.move_clock(tx, tenant, to, done=True)


def ahead(tenant_id: UUID, *deferrals: Deferral, at: datetime = START, currency: str = "EUR") -> JournalDraft:
    """An invoice of what is earned later."""
    entries = [EntryDraft("2400", -item.amount_minor) for item in deferrals]
    entries.append(EntryDraft("1200", sum(item.amount_minor for item in deferrals), new_id()))
    return JournalDraft(tenant_id, "invoice", new_id(), currency, at, "Invoice", tuple(entries), deferrals)


async def post(books: Books, db: Database, *drafts: JournalDraft) -> list[UUID]:
    async with db.tenants({one.tenant_id for one in drafts}) as tx:
        return await books.ledger.post(tx, drafts)


async def balance(books: Books, db: Database, tenant: UUID, code: str, as_of: datetime | None = None) -> int:
    async with db.tenant(tenant) as tx:
        account = await books.ledger.account(tx, tenant, code, as_of)
    return sum(total.balance_minor for total in account.balances if total.currency == "EUR")


async def test_each_month_earns_its_days_at_its_end_and_no_sooner(
    books: Books, recognition: RevenueRecognition, db: Database
) -> None:
    tenant = await paris(books)
    await post(books, db, ahead(tenant, YEAR))
    assert await recognition.run(db) == 0
    async with db.system() as tx:
        assert await recognition.earliest_due(tx, tenant) == JANUARY_ENDS
    await move(books, db, tenant, JANUARY_ENDS)
    assert await recognition.run(db) == 1
    assert await recognition.run(db) == 0
    assert await balance(books, db, tenant, "2400") == -33_400
    assert await balance(books, db, tenant, "4000.seats") == -3_100
    assert await balance(books, db, tenant, "4000.seats", JANUARY_ENDS) == -3_100
    await move(books, db, tenant, END)
    assert await recognition.run(db) == 11
    assert await balance(books, db, tenant, "2400") == 0
    assert await balance(books, db, tenant, "4000.seats") == -36_500
    async with db.tenant(tenant) as tx:
        assert (await books.ledger.account(tx, tenant, "4000.seats", None)).name == "Revenue: seats"
        posted = await books.ledger.journals(tx, tenant, document_type="revenue_recognition", limit=20)
    assert len(posted) == 12
    async with db.system() as tx:
        assert await recognition.earliest_due(tx, tenant) is None


async def test_tenants_currencies_and_products_stay_apart(
    books: Books, recognition: RevenueRecognition, db: Database
) -> None:
    one, two = await paris(books), await paris(books)
    api = replace(YEAR, amount_minor=73_000, product=None)
    await post(books, db, ahead(one, YEAR, api), ahead(one, YEAR, currency="USD"), ahead(two, api))
    for tenant in (one, two):
        await move(books, db, tenant, JANUARY_ENDS)
    assert await recognition.run(db) == 3
    async with db.tenant(one) as tx:
        trial = await books.ledger.trial_balance(tx, one, None)
        journals = await books.ledger.journals(tx, one, document_type="revenue_recognition", limit=5)
        detail = [await books.ledger.journal(tx, one, journal.id) for journal in journals]
    assert [(total.currency, total.difference_minor) for total in trial.currencies] == [("EUR", 0), ("USD", 0)]
    assert {one.currency: [(e.account, e.amount_minor) for e in one.entries] for one in detail} == {
        "EUR": [("2400", 9_300), ("4000", -6_200), ("4000.seats", -3_100)],
        "USD": [("2400", 3_100), ("4000.seats", -3_100)],
    }
    assert await balance(books, db, two, "4000") == -6_200


async def test_a_void_takes_back_what_was_earned_in_its_own_month(
    books: Books, recognition: RevenueRecognition, db: Database
) -> None:
    tenant = await paris(books)
    march = datetime(2026, 3, 10, tzinfo=UTC)
    await post(books, db, ahead(tenant, YEAR))
    await move(books, db, tenant, march)
    assert await recognition.run(db) == 2
    await post(books, db, ahead(tenant, replace(YEAR, amount_minor=-36_500), at=march))
    assert await balance(books, db, tenant, "4000.seats") == -5_900
    await move(books, db, tenant, END)
    await recognition.run(db)
    assert await balance(books, db, tenant, "4000.seats") == 0
    assert await balance(books, db, tenant, "2400") == 0
    async with db.tenant(tenant) as tx:
        # March takes back January and February; from April on the shares cancel out and nothing is posted.
        posted = await books.ledger.journals(tx, tenant, document_type="revenue_recognition", limit=20)
        report = await books.ledger.deferred_revenue(tx, tenant, "EUR", None, None)
    assert len(posted) == 3
    assert [(row.month.month, row.recognised_minor) for row in report.months][:4] == [
        (1, 3_100),
        (2, 2_800),
        (3, -5_900),
        (4, 0),
    ]
    assert [total.deferred_minor for total in report.totals] == [0]


async def test_many_processes_earn_a_month_once(books: Books, recognition: RevenueRecognition, db: Database) -> None:
    tenants = [await paris(books) for _ in range(5)]
    await post(books, db, *(ahead(tenant, YEAR) for tenant in tenants for _ in range(20)))
    for tenant in tenants:
        await move(books, db, tenant, datetime(2026, 4, 1, tzinfo=UTC))
    await asyncio.gather(*(recognition.run(db) for _ in range(6)))
    await recognition.run(db)
    for tenant in tenants:
        assert await balance(books, db, tenant, "4000.seats") == -20 * 9_000
        async with db.tenant(tenant) as tx:
            assert len(await books.ledger.journals(tx, tenant, document_type="revenue_recognition", limit=9)) == 3


async def test_a_tenant_that_cannot_earn_keeps_no_other_from_it(
    books: Books, recognition: RevenueRecognition, db: Database, owner_url: str
) -> None:
    broken, well = await paris(books), await paris(books)
    await post(books, db, ahead(broken, YEAR, YEAR), ahead(well, YEAR))
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE deferral_shares DISABLE TRIGGER USER")
        more_than_fits = "UPDATE deferral_shares SET amount_minor = 9000000000000000000 WHERE tenant_id = %s"
        conn.execute(more_than_fits, (broken,))
        conn.execute("ALTER TABLE deferral_shares ENABLE TRIGGER USER")
    for tenant in (broken, well):
        await move(books, db, tenant, datetime(2026, 3, 1, tzinfo=UTC))
    await recognition.run(db)
    assert await balance(books, db, well, "4000.seats") < 0
    assert await balance(books, db, broken, "4000.seats") == 0


async def test_what_is_committed_after_its_month_was_earned_is_earned_by_the_next_turn(
    books: Books, recognition: RevenueRecognition, db: Database
) -> None:
    tenant = await paris(books, "2026-02-01T12:00:00Z")
    await post(books, db, ahead(tenant, YEAR))
    assert await recognition.run(db) == 1
    await post(books, db, ahead(tenant, YEAR))
    assert await recognition.run(db) == 1
    assert await balance(books, db, tenant, "4000.seats") == -6_200


async def test_closing_a_month_earns_it_first_and_what_comes_later_moves_on(
    books: Books, recognition: RevenueRecognition, db: Database
) -> None:
    tenant = await paris(books, "2026-02-10T00:00:00Z")
    periods = LedgerPeriods(clock=wall_clock, clocks=books.tenants, tenants=books.tenants, recognition=recognition)
    await post(books, db, ahead(tenant, YEAR))
    async with db.tenant(tenant) as tx:
        await periods.close(tx, tenant, "2026-01", "an accountant")
    assert await balance(books, db, tenant, "4000.seats", JANUARY_ENDS) == -3_100
    [journal_id] = await post(books, db, ahead(tenant, YEAR))
    async with db.tenant(tenant) as tx:
        late = await books.ledger.journal(tx, tenant, journal_id)
    assert late.effective_at == JANUARY_ENDS
    [deferral] = late.deferrals
    assert [(share.month, share.amount_minor) for share in deferral.months][:2] == [
        (date(2026, 2, 1), 5_900),
        (date(2026, 3, 1), 3_100),
    ]


async def test_the_proof_is_told_of_every_recognition_that_has_a_journal(
    books: Books, recognition: RevenueRecognition, db: Database
) -> None:
    tenant = await paris(books, "2026-03-10T00:00:00Z")
    await post(books, db, ahead(tenant, YEAR), ahead(tenant, replace(YEAR, product="api")))
    await recognition.run(db)
    async with db.system() as tx:
        listed = await recognition.documents(tx, "revenue_recognition", (UUID(int=0), UUID(int=0)), 1000)
    async with db.tenant(tenant) as tx:
        journals = await books.ledger.journals(tx, tenant, document_type="revenue_recognition", limit=9)
    mine = [row for row in listed if row.tenant_id == tenant]
    assert {(row.document_id, row.journal_id, row.total_minor) for row in mine} == {
        (row.document_id, row.id, row.total_minor) for row in journals
    }
    assert sorted(row.total_minor or 0 for row in mine) == [5_600, 6_200]


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE deferrals SET amount_minor = 1", errors.RestrictViolation),
        ("DELETE FROM deferrals", errors.RestrictViolation),
        ("DELETE FROM deferral_shares", errors.RestrictViolation),
        ("TRUNCATE deferral_shares", errors.RestrictViolation),
        ("UPDATE deferral_shares SET amount_minor = amount_minor + 1", errors.RestrictViolation),
        ("UPDATE deferral_shares SET due_at = now()", errors.RestrictViolation),
        ("UPDATE deferral_shares SET recognition_id = NULL", errors.RestrictViolation),
        ("UPDATE revenue_recognitions SET amount_minor = 0", errors.RestrictViolation),
        (
            (
                "INSERT INTO deferral_shares SELECT tenant_id, journal_id, deferral_no, month + 4000, due_at, currency, account, 5"
                " FROM deferral_shares LIMIT 1"
            ),
            errors.CheckViolation,
        ),
        (
            (
                "INSERT INTO deferrals SELECT tenant_id, journal_id, 2, currency, account, 5, starts_at, ends_at FROM deferrals"
                " LIMIT 1"
            ),
            errors.CheckViolation,
        ),
    ],
)
async def test_the_database_keeps_what_was_put_off_even_from_its_owner(
    books: Books, db: Database, owner_url: str, statement: str, refusal: type[Exception]
) -> None:
    await post(books, db, ahead(await paris(books), YEAR))
    with psycopg.connect(owner_url) as conn, pytest.raises(refusal):
        conn.execute(statement)
