"""Routes of the ledger."""

from corebilling.ledger.api import exports, journals, reports
from corebilling.ledger.api.examples import EXAMPLES

ROUTES = (*reports.ROUTES, *journals.ROUTES, *exports.ROUTES)

__all__ = ["EXAMPLES", "ROUTES"]
