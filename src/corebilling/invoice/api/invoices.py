"""Routes of invoices."""

from uuid import UUID

from corebilling.invoice.domain.states import Status
from corebilling.invoice.finding import InvoiceFilter
from corebilling.invoice.schemas.invoices import (
    Explanation,
    InvoiceCreate,
    InvoiceDetailOut,
    InvoiceOut,
    VoidRequest,
)
from corebilling.invoice.service import InvoiceService
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

READ, WRITE, FINANCE = "billing:read", "billing:write", "platform.finance"


@get("/v1/invoices", scope=READ, summary="List invoices")
async def list_invoices(
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
    customer_id: UUID | None = None,
    subscription_id: UUID | None = None,
    status: Status | None = None,
    number: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[InvoiceOut]:
    """Newest first, without lines. All filters that are given must hold."""
    wanted = InvoiceFilter(customer_id, subscription_id, status, number)
    after = after_id(cursor)
    rows = await edge.query(lambda tx: invoice_service.find(tx, edge.tenant_id, wanted, after=after, limit=limit + 1))
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/invoices/{invoice_id:uuid}", scope=READ, summary="Show an invoice")
async def show_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> InvoiceDetailOut:
    """An invoice with its lines."""
    return await edge.query(lambda tx: invoice_service.get(tx, edge.tenant_id, invoice_id))


@get("/v1/invoices/{invoice_id:uuid}/explain", scope=READ, summary="Explain an invoice")
async def explain_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Explanation:
    """How the total came about: lines, steps of each, rounding, and where to list the usage behind it."""
    return await edge.query(lambda tx: invoice_service.explain(tx, edge.tenant_id, invoice_id))


@post("/v1/invoices", scope=WRITE, status_code=201, summary="Draft a one-off invoice")
async def create_invoice(
    data: InvoiceCreate, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[InvoiceDetailOut]:
    """Each line is quantity x unit amount, rounded once. Nothing is due before it is finalised."""
    return await edge.command(lambda tx: invoice_service.create_draft(tx, edge.tenant_id, data), status=201)


@post("/v1/invoices/{invoice_id:uuid}/finalize", scope=WRITE, status_code=200, summary="Finalise a draft")
async def finalize_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[InvoiceDetailOut]:
    """Gives it its number, posts it to the ledger and makes it due. It never changes afterwards."""
    return await edge.command(lambda tx: invoice_service.finalise(tx, edge.tenant_id, invoice_id), status=200)


@delete("/v1/invoices/{invoice_id:uuid}", scope=WRITE, summary="Delete a draft")
async def delete_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[None]:
    """Final invoices stay: void them instead."""
    return await edge.command(lambda tx: invoice_service.delete_draft(tx, edge.tenant_id, invoice_id), status=204)


@post("/v1/admin/invoices/{invoice_id:uuid}/void", scope=FINANCE, status_code=200, summary="Void an invoice")
async def void_invoice(
    invoice_id: UUID,
    data: VoidRequest,
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
) -> Response[InvoiceDetailOut]:
    """Reverses an open invoice's journal; refused once anything was paid."""
    return await edge.command(lambda tx: invoice_service.void(tx, edge.tenant_id, invoice_id, data.reason), status=200)


ROUTES = (
    list_invoices,
    show_invoice,
    explain_invoice,
    create_invoice,
    finalize_invoice,
    delete_invoice,
    void_invoice,
)
