"""Routes of customers."""

from corebilling.customer.entitlements import EntitlementService
from corebilling.customer.examples import EXAMPLES
from corebilling.customer.schemas import (
    CustomerBatch,
    CustomerBatchOut,
    CustomerCreate,
    CustomerOut,
    CustomerPatch,
    EntitlementOut,
)
from corebilling.customer.service import CustomerService
from corebilling.platform.db import Tx
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
    patch,
    post,
)


@post("/v1/customers", scope="billing:write", summary="Create a customer")
async def create_customer(
    data: CustomerCreate, edge: NamedDependency[Edge], customer_service: NamedDependency[CustomerService]
) -> Response[CustomerOut]:
    """Currency and time zone are the tenant's unless given."""
    return await edge.command(lambda tx: customer_service.create(tx, edge.tenant_id, data), status=201)


@post("/v1/customers/batch", scope="billing:write", summary="Create up to 1,000 customers")
async def create_customers(
    data: CustomerBatch, edge: NamedDependency[Edge], customer_service: NamedDependency[CustomerService]
) -> Response[CustomerBatchOut]:
    """All of them or none; errors point at the items, as in `/items/3/currency`."""

    async def create(tx: Tx) -> CustomerBatchOut:
        return CustomerBatchOut(await customer_service.create_batch(tx, edge.tenant_id, data.items))

    return await edge.command(create, status=201)


@get("/v1/customers", scope="billing:read", summary="List customers")
async def list_customers(
    edge: NamedDependency[Edge],
    customer_service: NamedDependency[CustomerService],
    external_id: str | None = None,
    email: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CustomerOut]:
    """Newest first."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: customer_service.find(
            tx, edge.tenant_id, after=after, limit=limit + 1, external_id=external_id, email=email
        )
    )
    return page(found, limit, key=lambda customer: customer.id)


@get("/v1/customers/{customer_ref:str}", scope="billing:read", summary="Get a customer")
async def get_customer(
    customer_ref: str, edge: NamedDependency[Edge], customer_service: NamedDependency[CustomerService]
) -> CustomerOut:
    """By id or external id."""
    return await edge.query(lambda tx: customer_service.get(tx, edge.tenant_id, customer_ref))


@patch("/v1/customers/{customer_ref:str}", scope="billing:write", summary="Change a customer")
async def update_customer(
    customer_ref: str,
    data: CustomerPatch,
    edge: NamedDependency[Edge],
    customer_service: NamedDependency[CustomerService],
) -> Response[CustomerOut]:
    """By id or external id. Only the fields sent change; external id, currency and time zone never do."""
    return await edge.command(lambda tx: customer_service.update(tx, edge.tenant_id, customer_ref, data), status=200)


@get("/v1/customers/{customer_ref:str}/entitlements", scope="billing:read", summary="List what a customer may use")
async def list_entitlements(
    customer_ref: str,
    edge: NamedDependency[Edge],
    entitlement_service: NamedDependency[EntitlementService],
    past: bool = False,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[EntitlementOut]:
    """What it may use now by its subscriptions, newest first; with `past=true` also what is over or hasn't begun.

    A view that follows the subscriptions' events: a change shows a moment after it was made.
    """
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: entitlement_service.of_customer(
            tx, edge.tenant_id, customer_ref, past=past, after=after, limit=limit + 1
        )
    )
    return page(found, limit, key=lambda entitlement: entitlement.subscription_id)


ROUTES = (create_customer, create_customers, list_customers, get_customer, update_customer, list_entitlements)

__all__ = ["EXAMPLES", "ROUTES"]
