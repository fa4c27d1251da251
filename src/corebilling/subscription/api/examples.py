"""Request bodies as a caller would send them, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from corebilling.subscription.schemas import (
    CancelOrder,
    ChangeOrder,
    CouponOrder,
    PauseOrder,
    SubscriptionBatch,
    SubscriptionCreate,
    SubscriptionPatch,
)

_TEAM = {
    "customer_id": "customer-00042",
    "plan": "team",
    "external_id": "contract-7",
    "trial_days": 14,
    "missing_payment_method": "pause",
    "items": [{"price": "seats", "quantity": "5"}],
    "add_ons": [{"price": "extras/support"}],
    "coupons": ["SPRING"],
}

EXAMPLES: Mapping[Any, Any] = {
    SubscriptionCreate: _TEAM,
    SubscriptionBatch: {"items": [{"customer_id": "customer-00042", "plan": "pro", "alignment": "calendar"}]},
    SubscriptionPatch: {"payment_method": "card-4242"},
    CancelOrder: {"at": "period_end", "reason": "too expensive"},
    ChangeOrder: {"plan": "pro", "items": [{"price": "seats", "quantity": "8"}], "at": "now", "bill": "now"},
    PauseOrder: {"billing": "stop", "resume_at": "2026-09-01T00:00:00Z"},
    CouponOrder: {"code": "SPRING"},
}
"""By the type of the body."""
