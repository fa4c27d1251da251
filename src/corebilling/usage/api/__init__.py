"""Routes of usage."""

from corebilling.usage.api import corrections, quotas, reading, rejections, reporting
from corebilling.usage.api.examples import EXAMPLES

ROUTES = (
    *reporting.ROUTES,
    *reading.ROUTES,
    *rejections.ROUTES,
    *corrections.ROUTES,
    *quotas.ROUTES,
)

__all__ = ["EXAMPLES", "ROUTES"]
