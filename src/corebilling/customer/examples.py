"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.customer.schemas import CustomerBatch, CustomerCreate, CustomerPatch

_ACME = {
    "external_id": "customer-00042",
    "name": "Acme SAS",
    "email": "billing@acme.example",
    "currency": "EUR",
    "time_zone": "Europe/Paris",
    "billing_address": {"line1": "1 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"},
    "tax_ids": [{"kind": "eu_vat", "value": "FR40303265045"}],
    "net_days": 45,
    "locale": "fr-FR",
    "purchase_order": "PO-2026-17",
}

EXAMPLES: Mapping[Any, Any] = {
    CustomerCreate: _ACME,
    CustomerBatch: {"items": [_ACME, {"external_id": "customer-00043", "name": "Globex KK", "currency": "JPY"}]},
    CustomerPatch: {
        "name": "Acme Europe SAS",
        "email": None,
        "tax_status": "exempt",
        "exemption_reason": "Article 261-7 of the French tax code",
    },
}
"""By the type of the body."""
