"""A tenant that sells to one customer: invoices, credit, notes and money on real books, with what must hold after each."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from books import Books
from corebilling.invoice.schemas import InvoiceCreate, InvoiceDetailOut
from corebilling.invoice.schemas.credit_notes import CreditNoteCreate, CreditNoteDetailOut
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.schemas.wallets import GrantCreate, GrantDetailOut
from corebilling.invoice.tax_rates import TaxRates
from corebilling.invoice.wallet_service import WalletService
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.kernel.settlement import Settlement
from corebilling.ledger.prover import LedgerProof
from corebilling.platform.clock import wall_clock

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
        self.proof = LedgerProof(
            documents={
                "invoice": books.invoices,
                "invoice_void": books.invoices,
                "credit_note": books.invoices,
                "write_off": books.invoices,
                "recovery": books.invoices,
                "wallet_grant": self.wallets,
                "wallet_application": self.wallets,
                "wallet_reversal": self.wallets,
                "wallet_expiry": self.wallets,
            }
        )

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
            await self.books.ledger.post(tx, [journal(self, "payment", at, ("1000", "1200"), settled.amount_minor)])
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
        """Receivables are what is left of open invoices, customer credit what is left of grants, and documents have their journals."""
        async with self.db.tenant(self.tenant) as tx:
            keys = {"tenant": self.tenant, "customer": self.customer}
            booked = await (await tx.conn.execute(BOOKED, keys)).fetchone()
            owed = await (await tx.conn.execute(OWED, keys)).fetchone()
            held = await (await tx.conn.execute(HELD, keys)).fetchone()
        assert booked is not None
        assert owed is not None
        assert held is not None
        assert (int(booked[0]), int(booked[1])) == (int(owed[0]), int(held[0]))
        async with self.db.system() as tx:
            report = await self.proof.proof(tx)
        assert report.holds, report

    async def told(self, subject: str) -> list[dict[str, Any]]:
        async with self.db.system() as tx:
            cursor = await tx.conn.execute(
                "SELECT payload FROM billing_events WHERE tenant_id = %s AND subject = %s ORDER BY event_id",
                (self.tenant, subject),
            )
            return [
                row[0] if isinstance(row[0], dict) else msgspec.json.decode(row[0]) for row in await cursor.fetchall()
            ]


def journal(shop: Shop, kind: str, at: datetime, accounts: tuple[str, str], amount: int) -> JournalDraft:
    """One of another context, as it would post it."""
    debit, credit = accounts
    return JournalDraft(
        shop.tenant, kind, new_id(), "EUR", at, kind,  # type: ignore[arg-type]
        (EntryDraft(debit, amount, shop.customer if debit in ("1200", "2300") else None),
         EntryDraft(credit, -amount, shop.customer if credit in ("1200", "2300") else None)),
    )  # fmt: skip


async def new_shop(books: Books, **settings: object) -> Shop:
    """A tenant with a customer."""
    tenant = await books.tenant(**settings)
    return Shop(books, tenant, await books.customer(tenant))
