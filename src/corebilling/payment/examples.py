"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.payment.schemas import PaymentCreate

EXAMPLES: Mapping[Any, Any] = {
    PaymentCreate: {
        "invoice_id": "019a7c1e-6b1f-7c3a-9a55-2f0d8f1f9f10",
        "method": "bank_transfer",
        "reference": "INV-2026-000042 ACME SAS",
        "amount_minor": 15990,
        "currency": "EUR",
    },
}
"""By the type of the body."""
