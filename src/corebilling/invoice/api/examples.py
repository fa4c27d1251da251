"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.invoice.schemas.invoices import InvoiceCreate, VoidRequest
from corebilling.invoice.schemas.tax_rates import TaxRateCreate

EXAMPLES: Mapping[Any, Any] = {
    InvoiceCreate: {
        "customer_id": "customer-00042",
        "currency": "EUR",
        "lines": [
            {"description": "Migration", "quantity": "12.5", "unit": "hour", "unit_amount": "120.00"},
            {"description": "Goodwill", "unit_amount": "-100.00"},
        ],
    },
    TaxRateCreate: {"name": "VAT", "rate": "0.20", "country": "FR", "reverse_charge": True},
    VoidRequest: {"reason": "Billed to the wrong customer."},
}
"""By the type of the body."""
