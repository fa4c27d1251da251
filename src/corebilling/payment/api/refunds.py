"""Routes of refunds and disputes."""

from uuid import UUID

from corebilling.payment.domain.states import DisputeStatus, RefundStatus
from corebilling.payment.reading import Wanted
from corebilling.payment.schemas import DisputeOut, RefundCreate, RefundOut
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


@post("/v1/payments/{payment_id:uuid}/refund", scope="billing:write", status_code=201, summary="Refund a payment")
async def refund_payment(
    payment_id: UUID,
    data: RefundCreate,
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
) -> Response[RefundOut]:
    """Wholly or in part, several times, never more than was paid. What was paid too much goes back first; for the rest the
    invoices get credit notes (`credit`) or are owed again (`reopen`). Money that the tenant took itself counts as paid out at
    once, a gateway's refund is `pending` until that says so.
    """
    return await edge.command(lambda tx: payment_service.refund(tx, edge.tenant_id, payment_id, data), status=201)


@get("/v1/refunds", scope="billing:read", summary="List refunds")
async def list_refunds(
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
    payment_id: UUID | None = None,
    customer_id: str | None = None,
    status: RefundStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[RefundOut]:
    """Newest first, of one payment or one customer (id or external id) if asked."""
    wanted = Wanted(after_id(cursor), limit + 1, payment_id=payment_id, status=status)
    rows = await edge.query(lambda tx: payment_service.find_refunds(tx, edge.tenant_id, wanted, customer=customer_id))
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/refunds/{refund_id:uuid}", scope="billing:read", summary="Show a refund")
async def show_refund(
    refund_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> RefundOut:
    """A refund and what it was taken from."""
    return await edge.query(lambda tx: payment_service.get_refund(tx, edge.tenant_id, refund_id))


@get("/v1/disputes", scope="billing:read", summary="List disputes")
async def list_disputes(
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
    payment_id: UUID | None = None,
    customer_id: str | None = None,
    status: DisputeStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[DisputeOut]:
    """Chargebacks, newest first, of one payment or one customer (id or external id) if asked."""
    wanted = Wanted(after_id(cursor), limit + 1, payment_id=payment_id, status=status)
    rows = await edge.query(lambda tx: payment_service.find_disputes(tx, edge.tenant_id, wanted, customer=customer_id))
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/disputes/{dispute_id:uuid}", scope="billing:read", summary="Show a dispute")
async def show_dispute(
    dispute_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> DisputeOut:
    """A chargeback and its journals."""
    return await edge.query(lambda tx: payment_service.get_dispute(tx, edge.tenant_id, dispute_id))


ROUTES = (refund_payment, list_refunds, show_refund, list_disputes, show_dispute)
