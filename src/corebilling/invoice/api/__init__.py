"""Routes of invoices, credit notes and what goes with them."""

from corebilling.invoice.api import credit_notes, downloads, invoices, statements, tax_rates, wallets
from corebilling.invoice.api.examples import EXAMPLES

ROUTES = (
    *invoices.ROUTES,
    *credit_notes.ROUTES,
    *downloads.ROUTES,
    *statements.ROUTES,
    *tax_rates.ROUTES,
    *wallets.ROUTES,
)

__all__ = ["EXAMPLES", "ROUTES"]
