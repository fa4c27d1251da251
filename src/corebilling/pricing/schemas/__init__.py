"""What goes over the wire about plans and prices, coupons, rate cards and operator costs."""

from corebilling.pricing.schemas.plans import (
    CommitmentIn,
    CommitmentOut,
    PlanCreate,
    PlanOut,
    PlanStatus,
    PlanVersionCreate,
    PriceCreate,
    PriceOut,
)
from corebilling.pricing.schemas.rate_cards import RateCardCreate, RateCardOut, RuleIn, RuleOut

__all__ = [
    "CommitmentIn",
    "CommitmentOut",
    "PlanCreate",
    "PlanOut",
    "PlanStatus",
    "PlanVersionCreate",
    "PriceCreate",
    "PriceOut",
    "RateCardCreate",
    "RateCardOut",
    "RuleIn",
    "RuleOut",
]
