"""Routes of payments."""

from datetime import datetime
from uuid import UUID

from corebilling.payment.domain.states import Status
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


@post("/v1/payments", scope="billing:write", status_code=201, summary="Record or request a payment")
async def create_payment(
    data: PaymentCreate, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> Response[PaymentOut]:
    """With a `method`, money that arrived: it settles the invoices that it was sent for, or those that it fits, and the rest is
    the customer's credit. Without, an invoice is charged to a payment method through its gateway: the answer is `pending`, the
    outcome comes as an event. A second charge while one is in progress is refused (`payment_in_progress`).
    """
    return await edge.command(lambda tx: payment_service.create(tx, edge.tenant_id, data), status=201)


@get("/v1/payments", scope="billing:read", summary="List payments")
async def list_payments(
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
    invoice_id: UUID | None = None,
    customer_id: str | None = None,
    status: Status | None = None,
    paid_from: datetime | None = None,
    paid_to: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[PaymentOut]:
    """Newest first. All filters that are given must hold: `customer_id` is an id or external id, `paid_to` is exclusive."""
    after = after_id(cursor)
    rows = await edge.query(
        lambda tx: payment_service.find(
            tx,
            edge.tenant_id,
            invoice_id=invoice_id,
            customer=customer_id,
            status=status,
            paid_from=paid_from,
            paid_to=paid_to,
            after=after,
            limit=limit + 1,
        )
    )
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/payments/{payment_id:uuid}", scope="billing:read", summary="Show a payment")
async def show_payment(
    payment_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> PaymentOut:
    """A payment, the invoices that it paid and the journal it was posted as."""
    return await edge.query(lambda tx: payment_service.get(tx, edge.tenant_id, payment_id))


ROUTES = (create_payment, list_payments, show_payment)
