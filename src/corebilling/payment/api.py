"""Routes of payments."""

from uuid import UUID

from corebilling.payment.examples import EXAMPLES
from corebilling.payment.schemas import PaymentCreate, PaymentOut
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
    post,
)


@post("/v1/payments", scope="billing:write", status_code=201, summary="Record a payment")
async def create_payment(
    data: PaymentCreate, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> Response[PaymentOut]:
    """Money that arrived by other ways: settles the invoice, wholly or in part, and posts it to the ledger."""
    return await edge.command(lambda tx: payment_service.record(tx, edge.tenant_id, data), status=201)


@get("/v1/payments", scope="billing:read", summary="List payments")
async def list_payments(
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
    invoice_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PaymentOut]:
    """Newest first."""
    after = after_id(cursor)
    rows = await edge.query(
        lambda tx: payment_service.find(tx, edge.tenant_id, invoice_id=invoice_id, after=after, limit=limit + 1)
    )
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/payments/{payment_id:uuid}", scope="billing:read", summary="Show a payment")
async def show_payment(
    payment_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> PaymentOut:
    """A payment and the journal it was posted as."""
    return await edge.query(lambda tx: payment_service.get(tx, edge.tenant_id, payment_id))


ROUTES = (create_payment, list_payments, show_payment)

__all__ = ["EXAMPLES", "ROUTES"]
