"""What accountants post themselves, and the accounts that they open for it."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from books import Books
from corebilling.kernel.errors import Conflict, DomainError, Invalid, NotFound
from corebilling.ledger.manual import ManualJournals
from corebilling.ledger.schemas.journals import AccountCreate, ManualJournalCreate
from corebilling.ledger.schemas.reports import EntryFilter
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


@pytest.fixture
async def manual(books: Books) -> ManualJournals:
    return ManualJournals(clock=wall_clock, clocks=books.tenants, ledger=books.ledger)


async def tenant_of(books: Books) -> UUID:
    return await books.tenant(sandbox=True, clock_at=NOW)


def wanted(*entries: tuple[str, int], **more: object) -> ManualJournalCreate:
    listed = [{"account": account, "amount_minor": amount} for account, amount in entries]
    return msgspec.convert(
        {"description": "Bank charges", "currency": "EUR", "entries": listed} | more, ManualJournalCreate
    )


CHARGES = (("5000", 1250), ("1000", -1250))


async def test_a_journal_by_hand_says_who_posted_it_and_why(books: Books, manual: ManualJournals, db: Database) -> None:
    tenant, other = await tenant_of(books), await tenant_of(books)
    async with db.tenant(tenant) as tx:
        journal_id = await manual.post(tx, tenant, wanted(*CHARGES, reference="statement 7"), "ada")
    async with db.tenant(tenant) as tx:
        found = await books.ledger.journal(tx, tenant, journal_id)
        entries = await books.ledger.entries(tx, tenant, EntryFilter(document_type="manual"), before=None, limit=5)
    assert (found.posted_by, found.reference, found.total_minor, found.effective_at) == (
        "ada",
        "statement 7",
        1250,
        NOW,
    )
    assert [(entry.account_name, entry.amount_minor) for entry in found.entries] == [
        ("Payment fees", 1250),
        ("Cash", -1250),
    ]
    assert len(entries) == 2
    async with db.tenant(other) as tx:
        with pytest.raises(NotFound):
            await books.ledger.journal(tx, other, journal_id)
    async with db.system() as tx:
        listed = await manual.documents(tx, "manual", (UUID(int=0), UUID(int=0)), 10)
    assert [(row.document_id, row.journal_id, row.total_minor) for row in listed if row.tenant_id == tenant] == [
        (found.document_id, journal_id, 1250)
    ]


@pytest.mark.parametrize(
    ("entries", "more", "code"),
    [
        ((("5000", 1250), ("1000", -1200)), {}, "invalid_journal"),
        ((("5000", 1250), ("6100", -1250)), {}, "invalid_account"),
        ((("5000", 1250), ("1200", -1250)), {}, "invalid_account"),
        ((("2400", 1250), ("4000", -1250)), {}, "invalid_account"),
        (CHARGES, {"effective_at": "2026-03-10T00:00:01Z"}, "invalid_field"),
        (CHARGES, {"currency": "XXY"}, "unknown_currency"),
    ],
    ids=["unbalanced", "no such account", "what customers owe", "deferred revenue", "tomorrow", "no such currency"],
)
async def test_what_documents_alone_post_or_what_cannot_be_is_refused(
    books: Books, manual: ManualJournals, db: Database, entries: tuple[tuple[str, int], ...], more: dict, code: str
) -> None:
    tenant = await tenant_of(books)
    with pytest.raises(DomainError) as refused:
        async with db.tenant(tenant) as tx:
            await manual.post(tx, tenant, wanted(*entries, **more), "ada")
    assert refused.value.code == code
    assert isinstance(refused.value, Invalid)


async def test_tenants_open_accounts_of_their_own(books: Books, manual: ManualJournals, db: Database) -> None:
    tenant, other = await tenant_of(books), await tenant_of(books)
    bank = AccountCreate("1010", "Second bank account", "asset")
    async with db.tenant(tenant) as tx:
        await manual.open_account(tx, tenant, bank)
    async with db.tenant(tenant) as tx:
        await manual.post(tx, tenant, wanted(("1010", 500), ("1000", -500)), "ada")
    async with db.tenant(tenant) as tx:
        account = await books.ledger.account(tx, tenant, "1010", None)
        for code in ("1010", "1200"):
            with pytest.raises(Conflict):
                await manual.open_account(tx, tenant, AccountCreate(code, "Again", "asset"))
    assert [(total.currency, total.balance_minor) for total in account.balances] == [("EUR", 500)]
    async with db.tenant(other) as tx:
        with pytest.raises(NotFound):
            await books.ledger.account(tx, other, "1010", None)
