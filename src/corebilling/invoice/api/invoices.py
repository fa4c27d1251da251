"""Routes of invoices."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from corebilling.invoice.domain.document import Purpose
from corebilling.invoice.domain.states import Shown
from corebilling.invoice.explaining import Explaining
from corebilling.invoice.finding import InvoiceFilter
from corebilling.invoice.schemas.explanations import Explanation, VerificationOut
from corebilling.invoice.schemas.invoices import (
    InvoiceChange,
    InvoiceCreate,
    InvoiceDetailOut,
    InvoiceOut,
    InvoicePreviewOut,
    ReissueRequest,
    UncollectibleRequest,
    VoidRequest,
)
from corebilling.invoice.service import InvoiceService
from corebilling.invoice.verifying import Verification
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
    patch,
    post,
)

READ, WRITE, FINANCE = "billing:read", "billing:write", "platform.finance"

CustomerRef = Annotated[str, Meta(min_length=1, max_length=255)]


@get("/v1/invoices", scope=READ, summary="List invoices")
async def list_invoices(
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
    customer_id: CustomerRef | None = None,
    subscription_id: UUID | None = None,
    status: Shown | None = None,
    number: str | None = None,
    currency: str | None = None,
    purpose: Purpose | None = None,
    issued_from: datetime | None = None,
    issued_to: datetime | None = None,
    due_before: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[InvoiceOut]:
    """Newest first, without lines. All filters that are given must hold.

    `customer_id` is a customer's id or external id; `past_due` are open ones whose due date is over; `issued_to` and
    `due_before` are exclusive.
    """
    wanted = InvoiceFilter(
        customer=customer_id,
        subscription_id=subscription_id,
        status=status,
        number=number,
        currency=currency,
        purpose=purpose,
        issued_from=issued_from,
        issued_to=issued_to,
        due_before=due_before,
    )
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
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_explanations: NamedDependency[Explaining]
) -> Explanation:
    """How the total came about: lines, prices, steps, rounding, taxes, and where to list the usage behind each line.

    Then what became of it: payments, credit notes and prepaid credit, what is left, its journals, and what is earned later.
    """
    return await edge.query(lambda tx: invoice_explanations.explain(tx, edge.tenant_id, invoice_id))


@get("/v1/invoices/{invoice_id:uuid}/verify", scope=READ, summary="Verify an invoice")
async def verify_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_verification: NamedDependency[Verification]
) -> VerificationOut:
    """Computes it again from the usage, prices and rates that it is pinned to, and compares what is stored.

    Compared are charges, lines, taxes, totals, what settled it, its number, its claims and its journals. `findings` name each
    figure that differs, with both values; there are none where all is as it was computed.
    """
    return await edge.query(lambda tx: invoice_verification.show(tx, edge.tenant_id, invoice_id))


@post("/v1/invoices", scope=WRITE, status_code=201, summary="Draft or issue a one-off invoice")
async def create_invoice(
    data: InvoiceCreate, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[InvoiceDetailOut]:
    """Each line is quantity x unit amount, rounded once. A draft, unless `finalize` asks for it to be issued at once.

    Where an outside tax engine is asked, it is a draft until that has answered.
    """
    return await edge.command(lambda tx: invoice_service.create_draft(tx, edge.tenant_id, data), status=201)


@post("/v1/invoices/preview", scope=READ, status_code=200, summary="Preview a one-off invoice")
async def preview_invoice(
    data: InvoiceCreate, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> InvoicePreviewOut:
    """Lines, taxes and totals as they would be now; nothing is stored."""
    proposed = await edge.query(lambda tx: invoice_service.preview(tx, edge.tenant_id, data))
    return await invoice_service.previewed(proposed)


@patch("/v1/invoices/{invoice_id:uuid}", scope=WRITE, summary="Change a draft")
async def change_invoice(
    invoice_id: UUID,
    data: InvoiceChange,
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
) -> Response[InvoiceDetailOut]:
    """Only what is sent changes. Lines come whole, and only of one-off invoices; final invoices never change."""
    return await edge.command(lambda tx: invoice_service.change_draft(tx, edge.tenant_id, invoice_id, data), status=200)


@post("/v1/invoices/{invoice_id:uuid}/finalize", scope=WRITE, status_code=200, summary="Finalise a draft")
async def finalize_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[InvoiceDetailOut]:
    """Gives it its taxes and number, posts it to the ledger and makes it due. It never changes afterwards.

    Where an outside tax engine is asked, it stays a draft until that has answered.
    """
    return await edge.command(lambda tx: invoice_service.finalise(tx, edge.tenant_id, invoice_id), status=200)


@delete("/v1/invoices/{invoice_id:uuid}", scope=WRITE, summary="Delete a draft")
async def delete_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[None]:
    """Of one-off invoices. Final invoices stay, and drafts of periods: finalise and void them instead."""
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


@post("/v1/invoices/{invoice_id:uuid}/send", scope=WRITE, status_code=200, summary="Send an invoice")
async def send_invoice(
    invoice_id: UUID, edge: NamedDependency[Edge], invoice_service: NamedDependency[InvoiceService]
) -> Response[InvoiceDetailOut]:
    """Publishes `invoice.sent`, to the customer's address as it stands on the invoice, for whoever delivers mail."""
    return await edge.command(lambda tx: invoice_service.send(tx, edge.tenant_id, invoice_id), status=200)


@post(
    "/v1/admin/invoices/{invoice_id:uuid}/mark-uncollectible",
    scope=FINANCE,
    status_code=200,
    summary="Give an invoice up",
)
async def mark_uncollectible(
    invoice_id: UUID,
    data: UncollectibleRequest,
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
) -> Response[InvoiceDetailOut]:
    """Writes off what is left of an open invoice. Money that comes after all opens it again."""
    return await edge.command(
        lambda tx: invoice_service.give_up(tx, edge.tenant_id, invoice_id, data.reason), status=200
    )


@post("/v1/admin/invoices/{invoice_id:uuid}/reissue", scope=FINANCE, status_code=201, summary="Issue an invoice anew")
async def reissue_invoice(
    invoice_id: UUID,
    data: ReissueRequest,
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
) -> Response[InvoiceDetailOut]:
    """Voids it and issues the same lines again, for the parties and by the taxes of today; answers the new invoice."""
    return await edge.command(
        lambda tx: invoice_service.reissue(tx, edge.tenant_id, invoice_id, data.reason), status=201
    )


ROUTES = (
    list_invoices,
    show_invoice,
    explain_invoice,
    verify_invoice,
    create_invoice,
    preview_invoice,
    change_invoice,
    finalize_invoice,
    delete_invoice,
    send_invoice,
    void_invoice,
    mark_uncollectible,
    reissue_invoice,
)
