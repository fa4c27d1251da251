"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.pricing.schemas import (
    CouponCreate,
    OperatorCostCreate,
    PlanCreate,
    PlanVersionCreate,
    RateCardCreate,
    RateCardEnd,
)

_PLAN: dict[str, Any] = {
    "name": "Pro",
    "currency": "EUR",
    "currencies": ["USD"],
    "interval": "month",
    "trial_days": 14,
    "commitment": {"amount": "100.00", "currencies": {"USD": "110.00"}},
    "prices": [
        {
            "kind": "recurring",
            "code": "base",
            "name": "Base fee",
            "timing": "advance",
            "price": {"model": "flat", "amount": "49.00"},
            "currencies": {"USD": {"model": "flat", "amount": "54.00"}},
        },
        {
            "kind": "recurring",
            "code": "support",
            "name": "Support",
            "interval": "year",
            "price": {"model": "per_unit", "unit_amount": "120.00"},
            "currencies": {"USD": {"model": "per_unit", "unit_amount": "130.00"}},
        },
        {
            "kind": "one_off",
            "code": "setup",
            "name": "Set-up",
            "price": {"model": "flat", "amount": "200.00"},
            "currencies": {"USD": {"model": "flat", "amount": "220.00"}},
        },
        {
            "kind": "usage",
            "code": "calls",
            "name": "API calls",
            "meter": "api-calls",
            "unit": "call",
            "product": "api",
            "tax_category": "digital-services",
            "price": {
                "model": "graduated",
                "included_units": "1000",
                "tiers": [{"up_to": "100000", "unit_amount": "0.0010"}, {"up_to": None, "unit_amount": "0.0008"}],
            },
            "currencies": {"USD": {"model": "per_unit", "unit_amount": "0.0011"}},
        },
    ],
}

EXAMPLES: Mapping[Any, Any] = {
    PlanCreate: {"code": "pro", **_PLAN},
    PlanVersionCreate: {**_PLAN, "name": "Pro 2026"},
    CouponCreate: {
        "code": "SPRING",
        "name": "A fifth off in spring",
        "percent_off": "0.2",
        "duration": "repeating",
        "duration_periods": 3,
        "redeem_by": "2026-06-01T00:00:00Z",
        "max_redemptions": 500,
    },
    RateCardCreate: {
        "code": "acme-2026",
        "name": "Acme's parcels",
        "currency": "EUR",
        "order_amount": "2.50",
        "customer_id": "acme",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z",
        "rules": [
            {"metric": "weight", "range_end": "10", "base_amount": "12.00", "unit_amount": "1.20", "unit": "kg"},
            {"metric": "weight", "range_start": "10", "base_amount": "24.00", "unit_amount": "1.80", "unit": "kg"},
        ],
    },
    RateCardEnd: {"valid_until": "2026-07-01T00:00:00Z"},
    OperatorCostCreate: {
        "meter": "api-calls",
        "currency": "EUR",
        "unit_cost": "0.00035",
        "valid_from": "2026-01-01T00:00:00Z",
    },
}
