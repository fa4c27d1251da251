"""Routes of collections."""

from uuid import UUID

from corebilling.payment.domain.states import CollectionStatus
from corebilling.payment.reading import Wanted
from corebilling.payment.schemas import CollectionOut, CollectionStop
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


@get("/v1/collections", scope="billing:read", summary="List collections")
async def list_collections(
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
    customer_id: str | None = None,
    status: CollectionStatus | None = None,
    dunning: bool = False,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CollectionOut]:
    """How invoices are collected, newest invoices first; `dunning` asks for those that weren't paid when they should have been."""
    wanted = Wanted(after_id(cursor), limit + 1, status=status, dunning=dunning)
    rows = await edge.query(
        lambda tx: payment_service.find_collections(tx, edge.tenant_id, wanted, customer=customer_id)
    )
    return page(rows, limit, key=lambda row: row.invoice_id)


@get("/v1/collections/{invoice_id:uuid}", scope="billing:read", summary="Show a collection")
async def show_collection(
    invoice_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> CollectionOut:
    """How an invoice is collected, and when it is tried again."""
    return await edge.query(lambda tx: payment_service.get_collection(tx, edge.tenant_id, invoice_id))


@post(
    "/v1/collections/{invoice_id:uuid}/retry", scope="billing:write", status_code=200, summary="Collect an invoice now"
)
async def retry_collection(
    invoice_id: UUID, edge: NamedDependency[Edge], payment_service: NamedDependency[PaymentService]
) -> Response[CollectionOut]:
    """By the customer's default payment method; without one dunning begins, or goes on. One that was over begins again."""
    return await edge.command(lambda tx: payment_service.retry_collection(tx, edge.tenant_id, invoice_id), status=200)


@post(
    "/v1/collections/{invoice_id:uuid}/stop",
    scope="billing:write",
    status_code=200,
    summary="Stop collecting an invoice",
)
async def stop_collection(
    invoice_id: UUID,
    data: CollectionStop,
    edge: NamedDependency[Edge],
    payment_service: NamedDependency[PaymentService],
) -> Response[CollectionOut]:
    """Neither charged nor dunned any more, and its subscriptions aren't past due; it is still owed."""
    return await edge.command(
        lambda tx: payment_service.stop_collection(tx, edge.tenant_id, invoice_id, data.reason), status=200
    )


ROUTES = (list_collections, show_collection, retry_collection, stop_collection)
