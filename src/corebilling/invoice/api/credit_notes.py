"""Routes of credit notes."""

from uuid import UUID

from corebilling.invoice.schemas.credit_notes import CreditNoteDetailOut, CreditNoteOut
from corebilling.invoice.service import InvoiceService
from corebilling.platform.http import DEFAULT_LIMIT, Cursor, Edge, Limit, NamedDependency, Page, after_id, get, page

READ = "billing:read"


@get("/v1/credit-notes", scope=READ, summary="List credit notes")
async def list_credit_notes(
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
    customer_id: UUID | None = None,
    invoice_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CreditNoteOut]:
    """Newest first, without lines; `invoice_id` is the invoice that they correct."""
    after = after_id(cursor)
    rows = await edge.query(
        lambda tx: invoice_service.find_credit_notes(
            tx, edge.tenant_id, customer_id=customer_id, invoice_id=invoice_id, after=after, limit=limit + 1
        )
    )
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/credit-notes/{credit_note_id:uuid}", scope=READ, summary="Show a credit note")
async def show_credit_note(
    credit_note_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> CreditNoteDetailOut:
    """A credit note with its lines and the invoices that it settled."""
    return await edge.query(lambda tx: invoice_service.get_credit_note(tx, edge.tenant_id, credit_note_id))


ROUTES = (list_credit_notes, show_credit_note)
