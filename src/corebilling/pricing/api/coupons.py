"""Routes of coupons."""

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
from corebilling.pricing.schemas import CouponCreate, CouponOut, CouponStatus
from corebilling.pricing.service import PricingService


@post("/v1/admin/pricing/coupons", scope="billing:admin", summary="Create a coupon")
async def create_coupon(
    data: CouponCreate, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[CouponOut]:
    """Its terms never change. Several coupons on one subscription apply in the order in which they were redeemed."""
    return await edge.command(lambda tx: pricing_service.create_coupon(tx, edge.tenant_id, data), status=201)


@get("/v1/admin/pricing/coupons", scope="billing:admin", summary="List coupons")
async def list_coupons(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    code: str | None = None,
    status: CouponStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CouponOut]:
    """Newest first."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: pricing_service.find_coupons(
            tx, edge.tenant_id, after=after, limit=limit + 1, code=code, status=status
        )
    )
    return page(found, limit, key=lambda coupon: coupon.id)


@get("/v1/admin/pricing/coupons/{coupon_ref:str}", scope="billing:admin", summary="Get a coupon")
async def get_coupon(
    coupon_ref: str, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> CouponOut:
    """By id or code, with how often it was redeemed."""
    return await edge.query(lambda tx: pricing_service.get_coupon(tx, edge.tenant_id, coupon_ref))


@post("/v1/admin/pricing/coupons/{coupon_ref:str}/archive", scope="billing:admin", summary="Archive a coupon")
async def archive_coupon(
    coupon_ref: str, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[CouponOut]:
    """Nobody can redeem it any more; subscriptions that have it keep it."""
    return await edge.command(lambda tx: pricing_service.archive_coupon(tx, edge.tenant_id, coupon_ref), status=200)


ROUTES = (create_coupon, list_coupons, get_coupon, archive_coupon)
