"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.invoice.schemas.credit_notes import CreditNoteCreate
from corebilling.invoice.schemas.invoices import (
    InvoiceChange,
    InvoiceCreate,
    ReissueRequest,
    UncollectibleRequest,
    VoidRequest,
)
from corebilling.invoice.schemas.statements import StatementRequest
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.schemas.wallets import GrantCreate, TopUp

EXAMPLES: Mapping[Any, Any] = {
    InvoiceCreate: {
        "customer_id": "customer-00042",
        "currency": "EUR",
        "lines": [
            {"description": "Migration", "quantity": "12.5", "unit": "hour", "unit_amount": "120.00"},
            {"description": "Goodwill", "unit_amount": "-100.00"},
        ],
        "memo": "Thank you for choosing us.",
        "purchase_order": "PO-4711",
        "net_days": 14,
        "finalize": False,
    },
    InvoiceChange: {"memo": "As agreed by phone.", "net_days": 30},
    ReissueRequest: {"reason": "The customer was renamed."},
    UncollectibleRequest: {"reason": "The customer is insolvent."},
    CreditNoteCreate: {
        "invoice_id": "01981a50-0000-7000-8000-000000000000",
        "reason": "Half of the hours weren't worked.",
        "lines": [{"line_no": 1, "quantity": "6.25"}],
        "settlement": "balance",
    },
    GrantCreate: {
        "customer_id": "customer-00042",
        "amount_minor": 50000,
        "source": "purchase",
        "reference": "Transfer of 3 March",
    },
    TopUp: {"customer_id": "customer-00042", "threshold_minor": 10000, "top_up_minor": 50000},
    StatementRequest: {"period": "2026-01"},
    TaxRateCreate: {"name": "VAT", "rate": "0.20", "country": "FR", "reverse_charge": True},
    VoidRequest: {"reason": "Billed to the wrong customer."},
}
"""By the type of the body."""
