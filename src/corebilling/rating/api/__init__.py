"""Routes of rating."""

from corebilling.rating.api import failures, margins, preview, quotes, simulation, upcoming
from corebilling.rating.api.examples import EXAMPLES

ROUTES = (
    *quotes.ROUTES,
    *preview.ROUTES,
    *upcoming.ROUTES,
    *simulation.ROUTES,
    *margins.ROUTES,
    *failures.ROUTES,
)

__all__ = ["EXAMPLES", "ROUTES"]
