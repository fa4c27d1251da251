"""Routes of payment methods."""

from uuid import UUID

from corebilling.payment.schemas import PaymentMethodCreate, PaymentMethodOut, PaymentMethodPatch
from corebilling.payment.schemas.methods import MethodStatus
from corebilling.payment.service import PaymentService
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


@post("/v1/payment-methods", scope="billing:write", status_code=201, summary="Add a payment method")
async def add_payment_method(
    data: PaymentMethodCreate, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> Response[PaymentMethodOut]:
    """What a gateway keeps for the customer, by its name there. The default is charged when an invoice is finalised."""
    return await edge.command(lambda tx: payment_service.methods.add(tx, edge.tenant_id, data), status=201)


@get("/v1/payment-methods", scope="billing:read", summary="List payment methods")
async def list_payment_methods(
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
    customer_id: str | None = None,
    status: MethodStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PaymentMethodOut]:
    """Newest first, of one customer (id or external id) if asked."""
    after = after_id(cursor)
    rows = await edge.query(
        lambda tx: payment_service.methods.find(
            tx, edge.tenant_id, customer=customer_id, status=status, after=after, limit=limit + 1
        )
    )
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/payment-methods/{payment_method_id:uuid}", scope="billing:read", summary="Show a payment method")
async def show_payment_method(
    payment_method_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> PaymentMethodOut:
    """Without its token."""
    return await edge.query(lambda tx: payment_service.methods.get(tx, edge.tenant_id, payment_method_id))


@patch("/v1/payment-methods/{payment_method_id:uuid}", scope="billing:write", summary="Change a payment method")
async def change_payment_method(
    payment_method_id: UUID,
    data: PaymentMethodPatch,
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
) -> Response[PaymentMethodOut]:
    """Only the fields sent change."""
    return await edge.command(
        lambda tx: payment_service.methods.change(tx, edge.tenant_id, payment_method_id, data), status=200
    )


@post(
    "/v1/payment-methods/{payment_method_id:uuid}/detach",
    scope="billing:write",
    status_code=200,
    summary="Detach a payment method",
)
async def detach_payment_method(
    payment_method_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> Response[PaymentMethodOut]:
    """It isn't charged any more, not even for payments that are pending; the gateway keeps it until it is told there."""
    return await edge.command(
        lambda tx: payment_service.methods.detach(tx, edge.tenant_id, payment_method_id), status=200
    )


ROUTES = (
    add_payment_method,
    list_payment_methods,
    show_payment_method,
    change_payment_method,
    detach_payment_method,
)
