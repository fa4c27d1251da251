"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.rating.schemas.failures import RetryRequest
from corebilling.rating.schemas.preview import PreviewRequest
from corebilling.rating.schemas.quotes import QuoteRequest
from corebilling.rating.schemas.simulation import SimulationRequest

_TIERS = [
    {"up_to": "1000", "unit_amount": "0.10"},
    {"up_to": "10000", "unit_amount": "0.08", "flat_amount": "10"},
    {"up_to": None, "unit_amount": "0.05"},
]

EXAMPLES: Mapping[Any, Any] = {
    PreviewRequest: {
        "currency": "EUR",
        "price": {"model": "graduated", "tiers": _TIERS, "included_units": "100", "minimum_amount": "20"},
        "quantity": "1500",
        "prior": {"quantity": "600", "billed": "50.00"},
    },
    QuoteRequest: {"order": {"weight": "10.5", "distance": "15.2"}, "customer_id": "customer-00042"},
    RetryRequest: {"ids": ["01890a5d-ac96-774b-bcce-b302099a8057"]},
    SimulationRequest: {
        "period": {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
        "changes": [{"price": "pro/api-calls", "definition": {"model": "graduated", "tiers": _TIERS}}],
    },
}
"""By the type of the body."""
