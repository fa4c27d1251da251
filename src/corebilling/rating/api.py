"""Routes of rating: what would it cost?"""

from corebilling.platform.http import Edge, NamedDependency, get, post
from corebilling.rating import failures_api, margins_api, quotes_api, simulation_api
from corebilling.rating.examples import EXAMPLES
from corebilling.rating.preview import preview
from corebilling.rating.preview_schemas import PreviewOut, PreviewRequest
from corebilling.rating.schemas import UpcomingInvoiceOut
from corebilling.rating.service import RatingService


@post("/v1/pricing/preview", scope="billing:read", summary="Try out a price", status_code=200)
async def preview_price(data: PreviewRequest) -> PreviewOut:
    """What a price definition would charge for a quantity or for events, after what was billed before; nothing is stored."""
    return preview(data)


@get("/v1/subscriptions/{subscription_ref:str}/upcoming-invoice", scope="billing:read", summary="Upcoming invoice")
async def upcoming_invoice(
    subscription_ref: str, edge: NamedDependency[Edge], rating_service: NamedDependency[RatingService]
) -> UpcomingInvoiceOut:
    """What closing the current period would bill, rated at this moment; it goes by id or external id."""
    return await edge.query(lambda tx: rating_service.upcoming_invoices.of(tx, edge.tenant_id, subscription_ref))


ROUTES = (
    *quotes_api.ROUTES,
    preview_price,
    upcoming_invoice,
    *simulation_api.ROUTES,
    *margins_api.ROUTES,
    *failures_api.ROUTES,
)

__all__ = ["EXAMPLES", "ROUTES"]
