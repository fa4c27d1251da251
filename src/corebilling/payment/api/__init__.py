"""Routes of payments."""

from corebilling.payment.api import collections, examples, gateways, methods, payments, refunds

ROUTES = (*payments.ROUTES, *methods.ROUTES, *refunds.ROUTES, *collections.ROUTES, *gateways.ROUTES)

EXAMPLES = {**examples.EXAMPLES, **gateways.EXAMPLES}
"""A request of each kind, by the type of its body."""

__all__ = ["EXAMPLES", "ROUTES"]
