"""The ledger's proof of accounts: receivables, customers' credit and deferred revenue are what their owners hold."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from books import Books
from corebilling.invoice.receivables import Receivables
from corebilling.kernel import accounts
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.ledger.prover import LedgerProof
from corebilling.ledger.recognition import RevenueRecognition
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from shops import Shop, new_shop

NOW = datetime.now(UTC)
NOTE_OF_BEFORE = """
INSERT INTO credit_notes (tenant_id, credit_note_id, series, number, customer_id, currency, line_count, total_minor,
  applied_minor, unapplied_minor, issued_at, seller, customer, journal_id, created_at)
VALUES (%s, %s, 'CN', %s, %s, 'EUR', 1, 500, 200, 300, now(), '{}', '{}', %s, now())
"""


@pytest.fixture
async def shop(db: Database) -> Shop:
    return await new_shop(Books(db), country="FR")


async def _wrong(shop: Shop) -> dict[str, tuple[str, str]]:
    """Booked and held, by account, where they differ for this tenant."""
    recognition = RevenueRecognition(clock=wall_clock, sandboxes=shop.books.tenants, ledger=shop.books.ledger)
    proof = LedgerProof(
        documents={},
        balances={
            accounts.RECEIVABLE: Receivables(),
            accounts.CUSTOMER_CREDIT: shop.wallets,
            accounts.DEFERRED_REVENUE: recognition,
        },
    )
    async with shop.db.system() as tx:
        report = await proof.proof(tx)
    found = [one for one in report.discrepancies if one.tenant_id == shop.tenant]
    assert not found or not report.holds
    return {one.account: (one.booked_minor, one.held_minor) for one in found}


async def test_they_are_whatever_became_of_invoices_and_credit(shop: Shop) -> None:
    await shop.vat()
    await shop.grant(1000)
    ahead = {"period_start": NOW.isoformat(), "period_end": (NOW + timedelta(days=90)).isoformat()}
    lines = [{"description": "Seats", "unit_amount": "30.00", "product": "seats"} | ahead]
    invoice = await shop.invoice(lines=lines)
    await shop.credit(invoice.id, amount_minor=700)
    other = await shop.invoice(lines=lines)
    await shop.pay(other.id)
    await shop.credit(other.id, amount_minor=900)
    assert await _wrong(shop) == {}


async def test_credit_of_notes_of_before_wallets_is_on_receivables(shop: Shop, owner_url: str) -> None:
    await shop.invoice("60.00")
    note_id = new_id()
    entries = (EntryDraft(accounts.REVENUE, 300), EntryDraft(accounts.RECEIVABLE, -300, shop.customer))
    draft = JournalDraft(shop.tenant, "credit_note", note_id, "EUR", wall_clock(), "Credit note", entries)
    async with shop.db.tenant(shop.tenant) as tx:
        [journal_id] = await shop.books.ledger.post(tx, [draft])
    assert await _wrong(shop) == {"1200": ("5700", "6000")}
    with psycopg.connect(owner_url) as conn:
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute(NOTE_OF_BEFORE, (shop.tenant, note_id, str(note_id), shop.customer, journal_id))
    assert await _wrong(shop) == {}


async def test_what_was_tampered_with_is_told(shop: Shop, owner_url: str) -> None:
    await shop.grant(1000)
    invoice = await shop.invoice("60.00")
    ahead = {"period_start": NOW.isoformat(), "period_end": (NOW + timedelta(days=90)).isoformat()}
    await shop.invoice(lines=[{"description": "Seats", "unit_amount": "30.00"} | ahead])
    await shop.grant(400)
    with psycopg.connect(owner_url) as conn:
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("UPDATE invoice_state SET paid_minor = 1 WHERE invoice_id = %s", (invoice.id,))
        conn.execute(
            "UPDATE wallet_grants SET left_minor = left_minor - 2 WHERE tenant_id = %s AND left_minor > 0",
            (shop.tenant,),
        )
        conn.execute("DELETE FROM deferral_shares WHERE tenant_id = %s", (shop.tenant,))
    assert await _wrong(shop) == {
        "1200": ("8000", "7999"),
        "2300": ("-400", "-398"),
        "2400": ("-3000", "0"),
    }
