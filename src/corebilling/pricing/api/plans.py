"""Routes of plans: reading them for everybody, publishing for administrators."""

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
from corebilling.pricing.schemas import PlanCreate, PlanOut, PlanStatus, PlanVersionCreate
from corebilling.pricing.service import PricingService


@post("/v1/admin/pricing/plans", scope="billing:admin", summary="Publish a plan")
async def create_plan(
    data: PlanCreate, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[PlanOut]:
    """Published at once as version 1, which never changes; the same code again is refused: publish its next version."""
    return await edge.command(lambda tx: pricing_service.create_plan(tx, edge.tenant_id, data), status=201)


@post(
    "/v1/admin/pricing/plans/{plan_ref:str}/versions",
    scope="billing:admin",
    summary="Publish the next version of a plan",
)
async def publish_version(
    plan_ref: str,
    data: PlanVersionCreate,
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
) -> Response[PlanOut]:
    """The plan's code means this version from now on. Subscriptions stay on theirs until they are moved."""
    return await edge.command(
        lambda tx: pricing_service.publish_version(tx, edge.tenant_id, plan_ref, data), status=201
    )


@post("/v1/admin/pricing/plans/{plan_ref:str}/deprecate", scope="billing:admin", summary="Take a plan off sale")
async def deprecate_plan(
    plan_ref: str, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[PlanOut]:
    """By code: all its versions; by id or `code@version`: that one. Subscriptions that are on it go on."""
    return await edge.command(lambda tx: pricing_service.deprecate_plan(tx, edge.tenant_id, plan_ref), status=200)


async def _plans(
    edge: Edge,
    pricing_service: PricingService,
    code: str | None,
    currency: str | None,
    status: PlanStatus | None,
    cursor: str | None,
    limit: int,
) -> Page[PlanOut]:
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: pricing_service.find_plans(
            tx, edge.tenant_id, after=after, limit=limit + 1, code=code, currency=currency, status=status
        )
    )
    return page(found, limit, key=lambda plan: plan.id)


@get("/v1/plans", scope="billing:read", summary="List plans")
async def list_plans(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    code: str | None = None,
    currency: str | None = None,
    status: PlanStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PlanOut]:
    """All versions, newest first; `currency` finds those sold in it, `status=active` those on sale."""
    return await _plans(edge, pricing_service, code, currency, status, cursor, limit)


@get("/v1/admin/pricing/plans", scope="billing:admin", summary="List plans")
async def list_plans_for_admin(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    code: str | None = None,
    currency: str | None = None,
    status: PlanStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PlanOut]:
    """All versions, newest first; `currency` finds those sold in it, `status=active` those on sale."""
    return await _plans(edge, pricing_service, code, currency, status, cursor, limit)


@get("/v1/plans/{plan_ref:str}", scope="billing:read", summary="Get a plan")
async def get_plan(
    plan_ref: str, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> PlanOut:
    """By id, by `code@version`, or by code: the latest version on sale or, if none is, the latest."""
    return await edge.query(lambda tx: pricing_service.get_plan(tx, edge.tenant_id, plan_ref))


@get("/v1/plans/{plan_ref:str}/versions", scope="billing:read", summary="List the versions of a plan")
async def list_versions(
    plan_ref: str,
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PlanOut]:
    """Newest first, of the plan with that code or that has that version."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: pricing_service.find_versions(tx, edge.tenant_id, plan_ref, after=after, limit=limit + 1)
    )
    return page(found, limit, key=lambda plan: plan.id)


ROUTES = (
    create_plan,
    publish_version,
    deprecate_plan,
    list_plans,
    list_plans_for_admin,
    get_plan,
    list_versions,
)
