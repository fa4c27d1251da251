"""What goes over the wire about plans and prices, coupons, rate cards and operator costs."""

from corebilling.pricing.schemas.coupons import CouponCreate, CouponOut, CouponStatus
from corebilling.pricing.schemas.operator_costs import OperatorCostCreate, OperatorCostOut
from corebilling.pricing.schemas.plans import (
    PlanCommitmentIn,
    PlanCommitmentOut,
    PlanCreate,
    PlanOut,
    PlanStatus,
    PlanVersionCreate,
    PriceCreate,
    PriceOut,
)
from corebilling.pricing.schemas.rate_cards import RateCardCreate, RateCardEnd, RateCardOut, RuleIn, RuleOut

__all__ = [
    "CouponCreate",
    "CouponOut",
    "CouponStatus",
    "OperatorCostCreate",
    "OperatorCostOut",
    "PlanCommitmentIn",
    "PlanCommitmentOut",
    "PlanCreate",
    "PlanOut",
    "PlanStatus",
    "PlanVersionCreate",
    "PriceCreate",
    "PriceOut",
    "RateCardCreate",
    "RateCardEnd",
    "RateCardOut",
    "RuleIn",
    "RuleOut",
]
