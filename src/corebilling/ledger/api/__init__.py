"""Routes of the ledger."""

from corebilling.ledger.api import exports, reports
from corebilling.ledger.api.examples import EXAMPLES

ROUTES = (*reports.ROUTES, *exports.ROUTES)

__all__ = ["EXAMPLES", "ROUTES"]
