"""Routes of subscriptions."""

from corebilling.subscription.api import changes, lifecycle
from corebilling.subscription.api.examples import EXAMPLES

ROUTES = (*lifecycle.ROUTES, *changes.ROUTES)

__all__ = ["EXAMPLES", "ROUTES"]
