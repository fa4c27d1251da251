"""The route of upcoming invoices."""

from corebilling.platform.http import Edge, NamedDependency, get
from corebilling.rating.schemas.upcoming import UpcomingInvoiceOut
from corebilling.rating.service import RatingService


@get("/v1/subscriptions/{subscription_ref:str}/upcoming-invoice", scope="billing:read", summary="Upcoming invoice")
async def upcoming_invoice(
    subscription_ref: str, edge: NamedDependency[Edge], rating_service: NamedDependency[RatingService]
) -> UpcomingInvoiceOut:
    """What closing the current period would bill, rated at this moment; it goes by id or external id."""
    return await edge.query(lambda tx: rating_service.upcoming_invoices.of(tx, edge.tenant_id, subscription_ref))


ROUTES = (upcoming_invoice,)
