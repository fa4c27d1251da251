"""Credit and credit notes on real books: after each story receivables are what open invoices have left, and customer credit
is what grants have left; the database refuses what the code would."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from psycopg import errors

from books import Books
from corebilling.invoice.schemas import InvoiceCreate, InvoiceDetailOut
from corebilling.invoice.schemas.credit_notes import CreditNoteCreate, CreditNoteDetailOut
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.schemas.wallets import GrantCreate, GrantDetailOut
from corebilling.invoice.tax_rates import TaxRates
from corebilling.invoice.wallet_expiry import WalletExpiry
from corebilling.invoice.wallet_service import WalletService
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.kernel.settlement import CreditRefund, GrantDraft, Reversal, Settlement
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

BOOKED = """
SELECT coalesce(sum(e.amount_minor) FILTER (WHERE e.account = '1200'), 0),
  coalesce(-sum(e.amount_minor) FILTER (WHERE e.account = '2300'), 0)
FROM entries e WHERE e.tenant_id = %(tenant)s AND e.customer_id = %(customer)s
"""
OWED = """
SELECT coalesce(sum(s.total_minor - s.paid_minor - s.credited_minor - s.prepaid_minor), 0)
FROM invoice_state s JOIN invoices i USING (tenant_id, invoice_id)
WHERE i.tenant_id = %(tenant)s AND i.customer_id = %(customer)s AND s.status = 'open'
"""
HELD = """
SELECT coalesce(sum(left_minor), 0) FROM wallet_grants WHERE tenant_id = %(tenant)s AND customer_id = %(customer)s
"""


class Shop:
    """A tenant that sells to one customer."""

    def __init__(self, books: Books, tenant: UUID, customer: UUID) -> None:
        self.books, self.db, self.tenant, self.customer = books, books.db, tenant, customer
        self.wallets = WalletService(clocks=books.tenants, customers=books.customers, wallets=books.wallets)

    async def invoice(self, *amounts: str, **more: Any) -> InvoiceDetailOut:
        lines = [{"description": f"Line {amount}", "unit_amount": amount} for amount in amounts]
        wanted = msgspec.convert(
            {"customer_id": str(self.customer), "lines": lines, "finalize": True} | more, InvoiceCreate
        )
        async with self.db.tenant(self.tenant) as tx:
            return await self.books.invoices.create_draft(tx, self.tenant, wanted)

    async def get(self, invoice_id: UUID) -> InvoiceDetailOut:
        async with self.db.tenant(self.tenant) as tx:
            return await self.books.invoices.get(tx, self.tenant, invoice_id)

    async def grant(self, amount_minor: int, source: str = "purchase", **more: Any) -> GrantDetailOut:
        wanted = msgspec.convert(
            {"customer_id": str(self.customer), "amount_minor": amount_minor, "source": source} | more, GrantCreate
        )
        async with self.db.tenant(self.tenant) as tx:
            return await self.wallets.grant(tx, self.tenant, wanted)

    async def left(self, grant_id: UUID) -> int:
        async with self.db.tenant(self.tenant) as tx:
            return (await self.wallets.get_grant(tx, self.tenant, grant_id)).left_minor

    async def credit(self, invoice_id: UUID, **more: Any) -> CreditNoteDetailOut:
        wanted = msgspec.convert({"invoice_id": str(invoice_id), "reason": "test"} | more, CreditNoteCreate)
        async with self.db.tenant(self.tenant) as tx:
            return await self.books.invoices.notes.issue(tx, self.tenant, wanted)

    async def pay(self, invoice_id: UUID, amount_minor: int | None = None) -> int:
        """Money in the bank, posted as payment does."""
        at = wall_clock()
        async with self.db.tenant(self.tenant) as tx:
            [settled] = await self.books.invoices.settle(
                tx, [Settlement(self.tenant, invoice_id, amount_minor, None, at)]
            )
            await self.books.ledger.post(tx, [_journal(self, "payment", at, ("1000", "1200"), settled.amount_minor)])
        return settled.left_minor

    async def vat(self, rate: str = "0.20", **more: Any) -> None:
        service = TaxRates(clock=wall_clock)
        wanted = msgspec.convert({"name": "VAT", "rate": rate, "country": "FR"} | more, TaxRateCreate)
        async with self.db.tenant(self.tenant) as tx:
            await service.create(tx, self.tenant, wanted)

    async def balances(self) -> dict[str, int]:
        async with self.db.tenant(self.tenant) as tx:
            cursor = await tx.conn.execute(
                "SELECT account, sum(amount_minor) FROM entries WHERE tenant_id = %s GROUP BY account", (self.tenant,)
            )
            return {account: int(amount) for account, amount in await cursor.fetchall() if amount}

    async def check(self) -> None:
        """Receivables are what is left of open invoices, customer credit is what is left of grants."""
        async with self.db.tenant(self.tenant) as tx:
            keys = {"tenant": self.tenant, "customer": self.customer}
            booked = await (await tx.conn.execute(BOOKED, keys)).fetchone()
            owed = await (await tx.conn.execute(OWED, keys)).fetchone()
            held = await (await tx.conn.execute(HELD, keys)).fetchone()
        assert booked is not None
        assert owed is not None
        assert held is not None
        assert (int(booked[0]), int(booked[1])) == (int(owed[0]), int(held[0]))


def _journal(shop: Shop, kind: str, at: datetime, accounts: tuple[str, str], amount: int) -> JournalDraft:
    debit, credit = accounts
    return JournalDraft(
        shop.tenant, kind, new_id(), "EUR", at, kind,  # type: ignore[arg-type]
        (EntryDraft(debit, amount, shop.customer if debit in ("1200", "2300") else None),
         EntryDraft(credit, -amount, shop.customer if credit in ("1200", "2300") else None)),
    )  # fmt: skip


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    books = Books(db)
    tenant = await books.tenant(country="FR")
    made = Shop(books, tenant, await books.customer(tenant))
    yield made
    await made.check()


async def subjects(shop: Shop, subject: str) -> list[dict[str, Any]]:
    async with shop.db.system() as tx:
        cursor = await tx.conn.execute(
            "SELECT payload FROM billing_events WHERE tenant_id = %s AND subject = %s ORDER BY event_id",
            (shop.tenant, subject),
        )
        return [row[0] if isinstance(row[0], dict) else msgspec.json.decode(row[0]) for row in await cursor.fetchall()]


async def test_credit_pays_the_next_invoice_when_it_is_issued(shop: Shop) -> None:
    bought, given = await shop.grant(3000), await shop.grant(5000, "promotion", priority=10)
    invoice = await shop.invoice("60.00")
    assert (invoice.status, invoice.prepaid_minor, invoice.due_minor) == ("paid", 6000, 0)
    assert (await shop.left(bought.id), await shop.left(given.id)) == (2000, 0)
    assert await shop.balances() == {"1000": 3000, "4900": 5000, "2300": -2000, "4000": -6000}
    assert [one["amount_minor"] for one in await subjects(shop, "credit.applied")] == [5000, 1000]
    assert len(await subjects(shop, "invoice.paid")) == 1


async def test_credit_that_comes_later_pays_an_open_invoice_when_asked(shop: Shop) -> None:
    invoice = await shop.invoice("60.00")
    await shop.grant(2500)
    async with shop.db.tenant(shop.tenant) as tx:
        await shop.wallets.apply(tx, shop.tenant, invoice.id)
    after = await shop.get(invoice.id)
    assert (after.status, after.prepaid_minor, after.due_minor) == ("open", 2500, 3500)
    with pytest.raises(Conflict, match="no EUR credit"):
        async with shop.db.tenant(shop.tenant) as tx:
            await shop.wallets.apply(tx, shop.tenant, invoice.id)
    assert [one["balance_minor"] for one in await subjects(shop, "wallet.depleted")] == [0]


async def test_voiding_gives_the_wallet_its_part_back(shop: Shop) -> None:
    grant = await shop.grant(2500)
    invoice = await shop.invoice("60.00")
    async with shop.db.tenant(shop.tenant) as tx:
        await shop.books.invoices.void(tx, shop.tenant, invoice.id, "wrong customer")
    assert await shop.left(grant.id) == 2500
    assert await shop.balances() == {"1000": 2500, "2300": -2500}
    assert [one["amount_minor"] for one in await subjects(shop, "credit.reversed")] == [2500]


async def test_credit_runs_out_by_the_tenants_time(db: Database) -> None:
    books = Books(db)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    tenant = await books.tenant(sandbox=True, clock_at=start.isoformat())
    shop = Shop(books, tenant, await books.customer(tenant))
    bought = await shop.grant(3000, expires_at=(start + timedelta(days=10)).isoformat())
    given = await shop.grant(700, "promotion", expires_at=(start + timedelta(days=11)).isoformat())
    expiry = WalletExpiry(db, clock=wall_clock, sandboxes=books.tenants, wallets=books.wallets)
    await expiry.expire_once()
    assert (await shop.left(bought.id), await shop.left(given.id)) == (3000, 700)
    async with db.system() as tx:
        assert await expiry.earliest_due(tx, tenant) == start + timedelta(days=10)
        await books.tenants.move_clock(tx, tenant, start + timedelta(days=11), done=True)
    await expiry.expire_once()
    assert (await shop.left(bought.id), await shop.left(given.id)) == (0, 0)
    assert await shop.balances() == {"1000": 3000, "4950": -3000}
    async with db.system() as tx:
        assert await expiry.earliest_due(tx, tenant) is None
    await shop.check()


async def test_a_note_of_a_line_gives_its_tax_back_and_lowers_what_is_owed(shop: Shop) -> None:
    await shop.vat()
    invoice = await shop.invoice("100.00", "50.00")
    note = await shop.credit(invoice.id, lines=[{"line_no": 2, "amount_minor": 2500}])
    assert (note.subtotal_minor, note.tax_minor, note.total_minor, note.applied_minor) == (2500, 500, 3000, 3000)
    assert (note.lines[0].billed_minor, note.lines[0].corrected_minor, note.lines[0].invoice_line_no) == (5000, 2500, 2)
    after = await shop.get(invoice.id)
    assert (after.status, after.credited_minor, after.due_minor) == ("open", 3000, 15000)
    assert await shop.balances() == {"1200": 15000, "4000": -12500, "2200": -2500}


async def test_a_full_note_of_a_paid_invoice_fills_the_wallet(shop: Shop) -> None:
    await shop.vat()
    invoice = await shop.invoice("100.00", "-30.00")
    await shop.pay(invoice.id)
    note = await shop.credit(invoice.id, settlement="refund")
    assert (note.total_minor, note.tax_minor, note.balance_minor, note.refund) == (8400, 1400, 8400, True)
    assert note.grant_id is not None
    assert await shop.left(note.grant_id) == 8400
    assert await shop.balances() == {"1000": 8400, "2300": -8400}
    [issued] = await subjects(shop, "credit.issued")
    assert (issued["refund"], issued["grant_id"], issued["unapplied_minor"]) == (True, str(note.grant_id), 8400)
    with pytest.raises(Conflict, match="nothing left to credit"):
        await shop.credit(invoice.id)


async def test_no_more_is_credited_than_was_billed(shop: Shop) -> None:
    invoice = await shop.invoice("100.00")
    await shop.credit(invoice.id, amount_minor=9999)
    with pytest.raises(Conflict, match="more than the 1 left"):
        await shop.credit(invoice.id, amount_minor=2)
    with pytest.raises(Conflict):
        await shop.credit(invoice.id, lines=[{"line_no": 1, "amount_minor": 2}])
    with pytest.raises(Invalid):
        await shop.credit(invoice.id, lines=[{"line_no": 2}])
    with pytest.raises(NotFound):
        await shop.credit(new_id())
    await shop.credit(invoice.id)


async def test_the_database_refuses_over_credit_and_empty_wallets(shop: Shop) -> None:
    invoice, grant = await shop.invoice("10.00"), await shop.grant(500)
    note = await shop.credit(invoice.id, amount_minor=600)
    refused = (
        ("UPDATE invoice_state SET noted_minor = 1001 WHERE invoice_id = %s", invoice.id),
        ("UPDATE wallets SET balance_minor = -1 WHERE customer_id = %s", shop.customer),
        ("UPDATE wallets SET balance_minor = 400 WHERE customer_id = %s", shop.customer),
        ("UPDATE wallet_grants SET left_minor = -1 WHERE grant_id = %s", grant.id),
        ("UPDATE wallet_grants SET left_minor = 100 WHERE grant_id = %s", grant.id),
        (
            (
                "INSERT INTO wallet_movements (tenant_id, movement_id, grant_id, customer_id, currency, kind, amount_minor, moved_at)"
                " SELECT tenant_id, gen_random_uuid(), grant_id, customer_id, currency, 'draw', 501, now() FROM wallet_grants"
                " WHERE grant_id = %s"
            ),
            grant.id,
        ),
        (
            (
                "INSERT INTO credit_notes (tenant_id, credit_note_id, series, number, customer_id, invoice_id, currency, line_count,"
                " total_minor, applied_minor, unapplied_minor, issued_at, seller, customer, journal_id, created_at)"
                " SELECT tenant_id, gen_random_uuid(), series, number || 'x', customer_id, invoice_id, currency, 1, 500, 0, 500,"
                " issued_at, seller, customer, journal_id, created_at FROM credit_notes WHERE credit_note_id = %s"
            ),
            note.id,
        ),
    )
    for statement, key in refused:
        with pytest.raises(errors.CheckViolation):
            async with shop.db.tenant(shop.tenant) as tx:
                await tx.conn.execute(statement, (key,))
    with pytest.raises(errors.InsufficientPrivilege):
        async with shop.db.tenant(shop.tenant) as tx:
            await tx.conn.execute("DELETE FROM wallet_movements WHERE grant_id = %s", (grant.id,))


async def test_twenty_notes_at_once_never_give_back_more_than_the_invoice(shop: Shop) -> None:
    await shop.vat()
    invoice = await shop.invoice("10.00")
    await shop.pay(invoice.id, 700)
    done = await asyncio.gather(*(shop.credit(invoice.id, amount_minor=100) for _ in range(20)), return_exceptions=True)
    notes = [one for one in done if isinstance(one, CreditNoteDetailOut)]
    assert all(isinstance(one, CreditNoteDetailOut | Conflict) for one in done), done
    assert (len(notes), sum(one.total_minor for one in notes), sum(one.tax_minor for one in notes)) == (12, 1200, 200)
    assert sorted(one.number for one in notes) == [f"CN-{notes[0].issued_at.year}-{n:06}" for n in range(1, 13)]
    assert (await shop.get(invoice.id)).status == "paid"


async def test_twenty_draws_at_once_never_overdraw(shop: Shop) -> None:
    await shop.grant(400)
    await shop.grant(650)

    async def draw() -> None:
        at = wall_clock()
        async with shop.db.tenant(shop.tenant) as tx:
            drawn = await shop.books.wallets.draw(tx, shop.tenant, shop.customer, "EUR", 100, prefer=None, at=at)
            await shop.books.ledger.post(tx, [_journal(shop, "refund", at, ("2300", "2350"), drawn.amount_minor)])

    done = await asyncio.gather(*(draw() for _ in range(20)), return_exceptions=True)
    assert [type(one) for one in done if one is not None] == [Conflict] * 10
    async with shop.db.tenant(shop.tenant) as tx:
        [wallet] = await shop.wallets.find(tx, shop.tenant, customer_id=shop.customer, after=None, limit=10)
    assert wallet.balance_minor == 50


async def test_twenty_invoices_at_once_share_one_wallet(shop: Shop) -> None:
    await shop.grant(1050)
    issued = await asyncio.gather(*(shop.invoice("1.00") for _ in range(20)))
    assert sum(one.prepaid_minor for one in issued) == 1050
    assert sorted(one.due_minor for one in issued) == [0] * 10 + [50] + [100] * 9


async def test_a_refund_has_its_note_and_draws_its_credit(shop: Shop) -> None:
    """60.00 of 100.00 are paid and 30.00 go back: 40.00 are owed as before."""
    invoice = await shop.invoice("100.00")
    await shop.pay(invoice.id, 6000)
    at = wall_clock()
    async with shop.db.tenant(shop.tenant) as tx:
        [drawn] = await shop.books.invoices.refund_credit(
            tx, [CreditRefund(shop.tenant, invoice.id, 3000, "returned", at)]
        )
        await shop.books.ledger.post(tx, [_journal(shop, "refund", at, ("2300", "2350"), 3000)])
    assert (drawn.amount_minor, len(drawn.grant_ids), drawn.credit_note_id is not None) == (3000, 1, True)
    assert (await shop.get(invoice.id)).due_minor == 4000
    with pytest.raises(Conflict):
        async with shop.db.tenant(shop.tenant) as tx:
            await shop.books.invoices.refund_credit(tx, [CreditRefund(shop.tenant, invoice.id, 7001, "returned", at)])


async def test_money_that_goes_back_opens_the_invoice_again(shop: Shop) -> None:
    invoice = await shop.invoice("100.00")
    await shop.pay(invoice.id)
    at = wall_clock()
    async with shop.db.tenant(shop.tenant) as tx:
        [owed] = await shop.books.invoices.unsettle(tx, [Reversal(shop.tenant, invoice.id, 4000, at)])
        await shop.books.ledger.post(tx, [_journal(shop, "dispute", at, ("1200", "1100"), 4000)])
        [found] = await shop.books.invoices.open_invoices(tx, shop.tenant, shop.customer, "EUR")
    assert (owed.left_minor, found.left_minor, (await shop.get(invoice.id)).status) == (4000, 4000, "open")
    with pytest.raises(Conflict, match="can't go back"):
        async with shop.db.tenant(shop.tenant) as tx:
            await shop.books.invoices.unsettle(tx, [Reversal(shop.tenant, invoice.id, 6001, at)])


async def test_money_for_an_invoice_that_was_given_up_takes_the_write_off_back(shop: Shop) -> None:
    invoice = await shop.invoice("100.00")
    async with shop.db.tenant(shop.tenant) as tx:
        await shop.books.invoices.give_up(tx, shop.tenant, invoice.id, "insolvent")
    await shop.check()
    assert await shop.pay(invoice.id, 3000) == 7000
    assert (await shop.get(invoice.id)).status == "open"
    assert await shop.balances() == {"1000": 3000, "1200": 7000, "4000": -10000}


async def test_money_that_has_arrived_takes_what_an_invoice_can_take(shop: Shop) -> None:
    invoice = await shop.invoice("10.00")
    at = wall_clock()
    async with shop.db.tenant(shop.tenant) as tx:
        settled = await shop.books.invoices.settle(
            tx, [Settlement(shop.tenant, invoice.id, 700, None, at, at_most=True) for _ in range(3)]
        )
        journal = _journal(shop, "payment", at, ("1000", "1200"), 1000)
        [journal_id] = await shop.books.ledger.post(tx, [journal])
        await shop.books.ledger.post(tx, [_journal(shop, "payment", at, ("1000", "2300"), 1100)])
        draft = GrantDraft(shop.tenant, shop.customer, "EUR", 1100, "overpayment", at, journal.document_id, journal_id)
        await shop.books.wallets.grant(tx, [draft])
    assert [one.amount_minor for one in settled] == [700, 300, 0]


async def test_what_was_billed_ahead_is_put_off_no_more(shop: Shop) -> None:
    now = wall_clock()
    line = {"description": "Year", "unit_amount": "120.00", "period_start": now.isoformat(),
            "period_end": (now + timedelta(days=365)).isoformat()}  # fmt: skip
    invoice = await shop.invoice(lines=[line])
    note = await shop.credit(invoice.id, amount_minor=3000)
    assert note.applied_minor == 3000
    assert await shop.balances() == {"1200": 9000, "2400": -9000}


async def test_quantities_are_credited_in_proportion(shop: Shop) -> None:
    await shop.vat(rate="0.19", inclusive=True)
    line = {"description": "Hours", "unit_amount": "10.00", "quantity": "3"}
    invoice = await shop.invoice(lines=[line])
    note = await shop.credit(invoice.id, lines=[{"line_no": 1, "quantity": "1"}])
    assert (note.total_minor, note.tax_minor, note.included_tax_minor) == (1000, 0, 160)
    assert Decimal(note.lines[0].quantity) == 1
