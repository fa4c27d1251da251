"""Routes of pricing."""

from corebilling.pricing.api import coupons, operator_costs, plans, rate_cards
from corebilling.pricing.api.examples import EXAMPLES

ROUTES = (*plans.ROUTES, *coupons.ROUTES, *rate_cards.ROUTES, *operator_costs.ROUTES)

__all__ = ["EXAMPLES", "ROUTES"]
