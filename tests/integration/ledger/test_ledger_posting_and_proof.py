from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from books import CLOSED_AT, Books, flat
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.ledger import prover
from corebilling.ledger.domain.chart import DEFAULT_CHART
from corebilling.ledger.schemas.reports import EntryFilter
from corebilling.payment.schemas import PaymentCreate
from corebilling.platform.db import Database


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


def draft(
    tenant_id: UUID, amount: int, currency: str = "EUR", at: datetime = CLOSED_AT, customer: UUID | None = None
) -> JournalDraft:
    entries = (EntryDraft("1200", amount, customer or new_id()), EntryDraft("4000", -amount))
    return JournalDraft(tenant_id, "invoice", new_id(), currency, at, "Invoice", entries)


async def test_one_batch_posts_for_many_tenants_and_each_sees_its_own(books: Books, db: Database) -> None:
    one, two = await books.tenant(), await books.tenant()
    drafts = [draft(one, 100), draft(two, 200), draft(one, 300)]
    async with db.tenants([one, two]) as tx:
        ids = await books.ledger.post(tx, drafts)
    async with db.tenant(one) as tx:
        entries = await books.ledger.entries(tx, one, EntryFilter(account="1200"), before=None, limit=10)
        assert [(entry.journal_id, entry.amount_minor) for entry in entries] == [(ids[2], 300), (ids[0], 100)]
        mine = await books.ledger.trial_balance(tx, one, None)
    assert [(total.debit_minor, total.credit_minor, total.difference_minor) for total in mine.currencies] == [
        (400, 400, 0)
    ]


async def test_each_journal_is_told_of_with_the_digest_that_is_stored(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    async with db.tenants([tenant]) as tx:
        [journal_id] = await books.ledger.post(tx, [draft(tenant, 100)])
    async with db.tenant(tenant) as tx:
        [entry, _] = await books.ledger.entries(tx, tenant, EntryFilter(), before=None, limit=10)
    async with db.system() as tx:
        told = await (
            await tx.conn.execute(
                "SELECT payload->>'digest' FROM billing_events WHERE tenant_id = %s AND subject = 'ledger.posted'"
                " AND resource_id = %s",
                (tenant, journal_id),
            )
        ).fetchall()
    assert told == [(entry.journal_digest,)]


async def test_a_tenant_that_was_never_set_up_gets_its_accounts_with_its_first_journal(
    db: Database, books: Books
) -> None:
    tenant = new_id()
    async with db.tenants([tenant]) as tx:
        await books.ledger.post(tx, [draft(tenant, 100)])
    async with db.tenant(tenant) as tx:
        accounts = await books.ledger.accounts(tx, tenant)
    assert [account.id for account in accounts] == [account.code for account in DEFAULT_CHART]


async def test_a_document_is_posted_once(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    twice = draft(tenant, 100)
    async with db.tenants([tenant]) as tx:
        await books.ledger.post(tx, [twice])
    with pytest.raises(errors.UniqueViolation):
        async with db.tenants([tenant]) as tx:
            await books.ledger.post(tx, [twice])


async def test_the_trial_balance_can_look_back_and_keeps_currencies_apart(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    later = CLOSED_AT + timedelta(days=1)
    async with db.tenants([tenant]) as tx:
        await books.ledger.post(tx, [draft(tenant, 100), draft(tenant, 50, "USD"), draft(tenant, 7, "EUR", later)])
    async with db.tenant(tenant) as tx:
        before = await books.ledger.trial_balance(tx, tenant, later)
        after = await books.ledger.trial_balance(tx, tenant, None)
    assert [(total.currency, total.debit_minor) for total in before.currencies] == [("EUR", 100), ("USD", 50)]
    assert [(total.currency, total.debit_minor) for total in after.currencies] == [("EUR", 107), ("USD", 50)]


async def test_entries_are_found_by_document_customer_and_time_and_paged(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    customer = await books.customer(tenant, "acme")
    late = draft(tenant, 5, at=datetime(2026, 6, 1, tzinfo=UTC), customer=customer)
    async with db.tenants([tenant]) as tx:
        await books.ledger.post(tx, [draft(tenant, 1), draft(tenant, 2), late])
    async with db.tenant(tenant) as tx:

        async def amounts(wanted: EntryFilter, before: tuple[UUID, int] | None = None, limit: int = 50) -> list[int]:
            rows = await books.ledger.entries(tx, tenant, wanted, before=before, limit=limit)
            return [row.amount_minor for row in rows]

        assert await amounts(EntryFilter(document_id=late.document_id)) == [-5, 5]
        assert await amounts(EntryFilter(customer=str(customer))) == await amounts(EntryFilter(customer="acme")) == [5]
        assert await amounts(EntryFilter(customer="nobody")) == []
        assert await amounts(EntryFilter(from_at=datetime(2026, 5, 1, tzinfo=UTC))) == [-5, 5]
        assert await amounts(EntryFilter(to_at=datetime(2026, 5, 1, tzinfo=UTC))) == [-2, 2, -1, 1]
        first = await books.ledger.entries(tx, tenant, EntryFilter(), before=None, limit=3)
        rest = await amounts(EntryFilter(), (first[-1].journal_id, first[-1].entry_no))
    assert [row.amount_minor for row in first] + rest == [-5, 5, -2, 2, -1, 1]


async def test_the_proof_holds_over_invoices_voids_and_payments_and_finds_what_was_tampered_with(
    books: Books, db: Database, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prover, "PAGE", 2)
    with psycopg.connect(owner_url, autocommit=True) as conn:
        for table in ("entries", "journals"):
            conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            conn.execute(f"DELETE FROM {table}")
            conn.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    for tenant in [await books.tenant() for _ in range(2)]:
        customer = await books.customer(tenant)
        invoices = [await books.invoice(tenant, customer, flat("20")) for _ in range(4)]
        async with db.tenant(tenant) as tx:
            wanted = PaymentCreate(invoice_id=invoices[0].id, method="bank_transfer", reference="r1", amount_minor=500)
            await books.payments.create(tx, tenant, wanted)
            await books.invoices.void(tx, tenant, invoices[1].id, "wrong customer")
    async with db.system() as tx:
        report = await books.proof.proof(tx)
    assert report.holds
    assert (report.documents, report.journals) == (12, 12)

    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE journals DISABLE TRIGGER ALL")
        conn.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
        conn.execute("DELETE FROM journals WHERE document_id = %s AND document_type = 'invoice'", (invoices[2].id,))
        conn.execute("UPDATE journals SET total_minor = 1 WHERE document_id = %s", (invoices[3].id,))
        conn.execute(
            "UPDATE journals SET document_id = %s WHERE document_type = 'payment' AND tenant_id = %s",
            (new_id(), tenant),
        )
        conn.execute(
            "UPDATE entries SET amount_minor = amount_minor + 1 WHERE journal_id = %s AND entry_no = 1",
            (invoices[0].journal_id,),
        )
    async with db.system() as tx:
        broken = await books.proof.proof(tx)
    assert sorted(fault.fault for fault in broken.mismatches) == ["different", "missing", "missing", "orphan"]
    assert [(imbalance.tenant_id, imbalance.balance_minor) for imbalance in broken.imbalances] == [(tenant, "1")]
    assert not broken.holds
