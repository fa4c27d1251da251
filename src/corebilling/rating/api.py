"""Routes of rating: what would it cost?"""

from uuid import UUID

from corebilling.platform.http import Edge, NamedDependency, get, post
from corebilling.rating.preview import preview
from corebilling.rating.preview_schemas import PreviewOut, PreviewRequest
from corebilling.rating.schemas import QuoteOut, QuoteRequest, UpcomingInvoiceOut
from corebilling.rating.service import RatingService


@post("/v1/pricing/quote", scope="billing:read", summary="Quote an order", status_code=200)
async def quote_order(
    data: QuoteRequest, edge: NamedDependency[Edge], rating_service: NamedDependency[RatingService]
) -> QuoteOut:
    """An order's price by the default rate card, with the calculation of each rule that was applied."""
    return await edge.query(lambda tx: rating_service.quote(tx, edge.tenant_id, data))


@post("/v1/pricing/preview", scope="billing:read", summary="Try out a price", status_code=200)
async def preview_price(data: PreviewRequest) -> PreviewOut:
    """What a price definition would charge for a quantity or for events, after what was billed before; nothing is stored."""
    return preview(data)


@get("/v1/subscriptions/{subscription_id:uuid}/upcoming-invoice", scope="billing:read", summary="Upcoming invoice")
async def upcoming_invoice(
    subscription_id: UUID, edge: NamedDependency[Edge], rating_service: NamedDependency[RatingService]
) -> UpcomingInvoiceOut:
    """What the current period costs so far, rated at this moment."""
    return await edge.query(lambda tx: rating_service.upcoming_invoice(tx, edge.tenant_id, subscription_id))


ROUTES = (quote_order, preview_price, upcoming_invoice)
