"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.payment.schemas import (
    CollectionStop,
    PaymentCreate,
    PaymentMethodCreate,
    PaymentMethodPatch,
    RefundCreate,
)

EXAMPLES: Mapping[Any, Any] = {
    PaymentCreate: {
        "customer_id": "acme",
        "method": "bank_transfer",
        "reference": "INV-2026-000042 ACME SAS",
        "amount_minor": 15990,
        "currency": "EUR",
    },
    PaymentMethodCreate: {
        "customer_id": "acme",
        "gateway_account_id": "019a7c1e-6b1f-7c3a-9a55-2f0d8f1f9f10",
        "token": "pm_1N2b3C",
        "kind": "card",
        "label": "Visa ending in 4242",
        "is_default": True,
    },
    PaymentMethodPatch: {"is_default": True},
    RefundCreate: {"amount_minor": 2500, "reason": "Two days without service"},
    CollectionStop: {"reason": "The customer pays by instalments"},
}
"""By the type of the body."""
