"""Routes of credit notes."""

from datetime import datetime
from uuid import UUID

from corebilling.invoice.credit_notes import CreditNoteFilter
from corebilling.invoice.schemas.credit_notes import (
    CreditNoteCreate,
    CreditNoteDetailOut,
    CreditNoteOut,
    CreditNotePreview,
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
    get,
    page,
    post,
)

READ, WRITE = "billing:read", "billing:write"


@get("/v1/credit-notes", scope=READ, summary="List credit notes")
async def list_credit_notes(
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
    customer_id: str | None = None,
    invoice_id: UUID | None = None,
    issued_from: datetime | None = None,
    issued_to: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CreditNoteOut]:
    """Newest first, without lines. All filters that are given must hold.

    `customer_id` is an id or external id, `invoice_id` the invoice that they correct; `issued_to` is exclusive.
    """
    after, wanted = after_id(cursor), CreditNoteFilter(customer_id, invoice_id, issued_from, issued_to)
    rows = await edge.query(
        lambda tx: invoice_service.find_credit_notes(tx, edge.tenant_id, wanted, after=after, limit=limit + 1)
    )
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/credit-notes/{credit_note_id:uuid}", scope=READ, summary="Show a credit note")
async def show_credit_note(
    credit_note_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> CreditNoteDetailOut:
    """A credit note with its lines and the invoices that it settled."""
    return await edge.query(lambda tx: invoice_service.get_credit_note(tx, edge.tenant_id, credit_note_id))


@post("/v1/credit-notes", scope=WRITE, status_code=201, summary="Credit an invoice")
async def create_credit_note(
    data: CreditNoteCreate, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[CreditNoteDetailOut]:
    """Gives back lines, an amount, or all of an invoice with the tax that belongs to it; never more than is left.

    It settles what is unpaid of the invoice. The rest goes to the customer's wallet, or is paid out.
    """
    return await edge.command(lambda tx: invoice_service.notes.issue(tx, edge.tenant_id, data), status=201)


@post("/v1/credit-notes/preview", scope=READ, status_code=200, summary="Preview a credit note")
async def preview_credit_note(
    data: CreditNoteCreate, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> CreditNotePreview:
    """What the same request would give back and settle; nothing is stored."""
    return await edge.query(lambda tx: invoice_service.notes.preview(tx, edge.tenant_id, data))


ROUTES = (list_credit_notes, show_credit_note, create_credit_note, preview_credit_note)
