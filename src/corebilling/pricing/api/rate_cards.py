"""Routes of rate cards."""

from datetime import datetime
from uuid import UUID

from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    get,
    page,
    post,
)
from corebilling.pricing.schemas import RateCardCreate, RateCardEnd, RateCardOut
from corebilling.pricing.service import PricingService


@post("/v1/admin/pricing/rate-cards", scope="billing:admin", summary="Create a rate card")
async def create_rate_card(
    data: RateCardCreate, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[RateCardOut]:
    """With `default: true` it takes the place of the default card; with `customer_id` it is that customer's, for a time.

    A customer's card without an end ends where the next one begins; any other overlap is refused.
    """
    return await edge.command(lambda tx: pricing_service.create_rate_card(tx, edge.tenant_id, data), status=201)


@get("/v1/admin/pricing/rate-cards", scope="billing:admin", summary="List rate cards")
async def list_rate_cards(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    code: str | None = None,
    customer_id: str | None = None,
    default: bool | None = None,
    valid_at: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[RateCardOut]:
    """Newest first; those of a customer (id or external id), the default one, or those that hold at an instant."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: pricing_service.find_rate_cards(
            tx,
            edge.tenant_id,
            after=after,
            limit=limit + 1,
            code=code,
            customer=customer_id,
            default=default,
            valid_at=valid_at,
        )
    )
    return page(found, limit, key=lambda card: card.id)


@get("/v1/admin/pricing/rate-cards/{rate_card_id:uuid}", scope="billing:admin", summary="Get a rate card")
async def get_rate_card(
    rate_card_id: UUID, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> RateCardOut:
    """One rate card with its rules."""
    return await edge.query(lambda tx: pricing_service.get_rate_card(tx, edge.tenant_id, rate_card_id))


@post(
    "/v1/admin/pricing/rate-cards/{rate_card_id:uuid}/end", scope="billing:admin", summary="End a customer's rate card"
)
async def end_rate_card(
    rate_card_id: UUID,
    data: RateCardEnd,
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
) -> Response[RateCardOut]:
    """From `valid_until` on the customer's quotes use its next card or the default one."""
    return await edge.command(
        lambda tx: pricing_service.end_rate_card(tx, edge.tenant_id, rate_card_id, data), status=200
    )


ROUTES = (create_rate_card, list_rate_cards, get_rate_card, end_rate_card)
