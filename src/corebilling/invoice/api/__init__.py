"""Routes of invoices, credit notes and what goes with them."""

from corebilling.invoice.api import credit_notes, invoices
from corebilling.invoice.api.examples import EXAMPLES

ROUTES = (*invoices.ROUTES, *credit_notes.ROUTES)

__all__ = ["EXAMPLES", "ROUTES"]
