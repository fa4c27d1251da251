"""Routes of operator costs."""

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
    delete,
    get,
    page,
    post,
)
from corebilling.pricing.schemas import OperatorCostCreate, OperatorCostOut
from corebilling.pricing.service import PricingService


@post("/v1/admin/operator-costs", scope="billing:admin", summary="Say what usage costs you")
async def create_operator_cost(
    data: OperatorCostCreate, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[OperatorCostOut]:
    """It holds until the next one of the same meter, currency, dimension and value begins; charges rated then show it."""
    return await edge.command(lambda tx: pricing_service.create_operator_cost(tx, edge.tenant_id, data), status=201)


@get("/v1/admin/operator-costs", scope="billing:admin", summary="List operator costs")
async def list_operator_costs(
    edge: NamedDependency[Edge],
    pricing_service: NamedDependency[PricingService],
    meter: str | None = None,
    currency: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[OperatorCostOut]:
    """All that ever held, the latest entered first."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: pricing_service.find_operator_costs(
            tx, edge.tenant_id, after=after, limit=limit + 1, meter=meter, currency=currency
        )
    )
    return page(found, limit, key=lambda cost: cost.id)


@delete("/v1/admin/operator-costs/{operator_cost_id:uuid}", scope="billing:admin", summary="Take back an operator cost")
async def delete_operator_cost(
    operator_cost_id: UUID, edge: NamedDependency[Edge], pricing_service: NamedDependency[PricingService]
) -> Response[None]:
    """For one that was wrong. Charges keep the cost that they were rated with."""
    return await edge.command(
        lambda tx: pricing_service.delete_operator_cost(tx, edge.tenant_id, operator_cost_id), status=204
    )


ROUTES = (create_operator_cost, list_operator_costs, delete_operator_cost)
