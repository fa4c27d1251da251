"""Routes of rate cards."""

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
from corebilling.pricing.schemas import RateCardCreate, RateCardOut
from corebilling.pricing.service import PricingService


@post("/v1/admin/pricing/rate-cards", scope="billing:admin", summary="Create a rate card")
async def create_rate_card(
    data: RateCardCreate, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[RateCardOut]:
    """With `default: true` it takes the place of the default card."""
    return await edge.command(lambda tx: pricing_service.create_rate_card(tx, edge.tenant_id, data), status=201)


@get("/v1/admin/pricing/rate-cards", scope="billing:admin", summary="List rate cards")
async def list_rate_cards(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    code: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[RateCardOut]:
    """Newest first."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: pricing_service.find_rate_cards(tx, edge.tenant_id, after=after, limit=limit + 1, code=code)
    )
    return page(found, limit, key=lambda card: card.id)


@get("/v1/admin/pricing/rate-cards/{rate_card_id:uuid}", scope="billing:admin", summary="Get a rate card")
async def get_rate_card(
    rate_card_id: UUID, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> RateCardOut:
    """One rate card with its rules."""
    return await edge.query(lambda tx: pricing_service.get_rate_card(tx, edge.tenant_id, rate_card_id))


ROUTES = (create_rate_card, list_rate_cards, get_rate_card)
