"""Routes of pricing."""

from corebilling.pricing.api import plans, rate_cards

ROUTES = (*plans.ROUTES, *rate_cards.ROUTES)
