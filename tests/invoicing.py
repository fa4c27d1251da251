"""Workers of invoices and sandboxes with a clock, for tests of what falls due."""

from datetime import datetime, timedelta
from uuid import UUID

from books import CLOSED_AT, Books
from corebilling.invoice.schemas import InvoiceDetailOut
from corebilling.invoice.service import InvoiceFilter
from corebilling.invoice.tax_engine import HttpTaxProvider
from corebilling.invoice.wallet_expiry import WalletExpiry
from corebilling.invoice.worker import InvoicingWorker
from corebilling.platform.clock import wall_clock


def invoicing_worker(books: Books, url: str = "", *, hours_later: int = 0) -> InvoicingWorker:
    """A worker; `url` is the tax engine's, `hours_later` how far its clock is ahead, past leases and pauses."""
    return InvoicingWorker(
        books.db,
        clock=lambda: wall_clock() + timedelta(hours=hours_later),
        sandboxes=books.tenants,
        finalising=books.invoices.finalising,
        reminding=books.invoices.reminding,
        tax_provider=HttpTaxProvider(url=url, token=""),
        expiry=WalletExpiry(books.db, clock=wall_clock, sandboxes=books.tenants, wallets=books.wallets),
    )


async def sandbox(books: Books, at: datetime = CLOSED_AT, **settings: object) -> UUID:
    """A tenant whose clock stands at that instant."""
    return await books.tenant(sandbox=True, clock_at=at.isoformat(), **settings)


async def move(books: Books, tenant: UUID, at: datetime) -> None:
    """Set its clock forward."""
    async with books.db.system() as tx:
        await books.tenants.move_clock(tx, tenant, at, True)


async def only(books: Books, tenant: UUID) -> InvoiceDetailOut:
    """The one invoice that there is."""
    async with books.db.tenant(tenant) as tx:
        [row] = await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=5)
        return await books.invoices.get(tx, tenant, row.id)


async def trial(books: Books, tenant: UUID) -> dict[str, int]:
    """Balances by account; those of 0 are left out."""
    async with books.db.tenant(tenant) as tx:
        found = (await books.ledger.trial_balance(tx, tenant, None)).currencies
    return {row.account: row.balance_minor for one in found for row in one.accounts if row.balance_minor}
