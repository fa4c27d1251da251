"""Routes of pricing: reading plans for everybody, publishing for administrators."""

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
from corebilling.pricing.schemas import PlanCreate, PlanOut, RateCardCreate, RateCardOut
from corebilling.pricing.service import PricingService


@post("/v1/admin/pricing/plans", scope="billing:admin", summary="Publish a plan")
async def create_plan(
    data: PlanCreate, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[PlanOut]:
    """Published at once and never changed; the same code again is refused."""
    return await edge.command(lambda tx: pricing_service.create_plan(tx, edge.tenant_id, data), status=201)


async def _plans(
    edge: Edge,
    pricing_service: PricingService,
    code: str | None,
    currency: str | None,
    cursor: str | None,
    limit: int,
) -> Page[PlanOut]:
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: pricing_service.find_plans(
            tx, edge.tenant_id, after=after, limit=limit + 1, code=code, currency=currency
        )
    )
    return page(found, limit, key=lambda plan: plan.id)


@get("/v1/plans", scope="billing:read", summary="List plans")
async def list_plans(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    code: str | None = None,
    currency: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PlanOut]:
    """Newest first."""
    return await _plans(edge, pricing_service, code, currency, cursor, limit)


@get("/v1/admin/pricing/plans", scope="billing:admin", summary="List plans")
async def list_plans_for_admin(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    code: str | None = None,
    currency: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PlanOut]:
    """Newest first."""
    return await _plans(edge, pricing_service, code, currency, cursor, limit)


@get("/v1/plans/{plan_ref:str}", scope="billing:read", summary="Get a plan")
async def get_plan(
    plan_ref: str, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> PlanOut:
    """By id, or by code in its latest version."""
    return await edge.query(lambda tx: pricing_service.get_plan(tx, edge.tenant_id, plan_ref))


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


ROUTES = (
    create_plan,
    list_plans,
    list_plans_for_admin,
    get_plan,
    create_rate_card,
    list_rate_cards,
    get_rate_card,
)
