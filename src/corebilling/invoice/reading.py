"""Rows of invoices as answers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import Buyer, Document, Line, LineKind, Seller, purpose_of
from corebilling.invoice.domain.states import Status
from corebilling.invoice.domain.tax import LineTax, totals
from corebilling.invoice.queries.agenda import PlannedRow
from corebilling.invoice.queries.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, InvoiceState
from corebilling.invoice.schemas import (
    InvoiceDetailOut,
    InvoiceOut,
    InvoicePreviewOut,
    LineOut,
    TaxOut,
)
from corebilling.kernel.charge import Derivation
from corebilling.kernel.decimals import plain

_derivation = msgspec.json.Decoder(Derivation)
_buyer = msgspec.json.Decoder(Buyer)
_names = msgspec.json.Decoder(dict[UUID, str])
_seller = msgspec.json.Decoder(Seller)


def summary(invoice: Invoice, state: InvoiceState, now: datetime) -> InvoiceOut:
    """An invoice without its lines; `now` is the tenant's time."""
    settled = state.paid_minor + state.credited_minor + state.prepaid_minor
    return InvoiceOut(
        id=invoice.invoice_id,
        number=invoice.number,
        status=msgspec.convert(state.status, Status),
        purpose=purpose_of(invoice.purpose, invoice.subscription_id),
        customer_id=invoice.customer_id,
        subscription_id=invoice.subscription_id,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        currency=invoice.currency,
        subtotal_minor=invoice.subtotal_minor,
        tax_minor=invoice.tax_minor,
        total_minor=invoice.total_minor,
        paid_minor=state.paid_minor,
        credited_minor=state.credited_minor,
        due_minor=invoice.total_minor - settled if state.status == "open" else 0,
        issued_at=invoice.issued_at,
        due_at=invoice.due_at,
        paid_at=state.paid_at,
        voided_at=state.voided_at,
        void_reason=state.void_reason,
        journal_id=invoice.journal_id,
        created_at=invoice.created_at,
        included_tax_minor=invoice.included_tax_minor,
        prepaid_minor=state.prepaid_minor,
        past_due=state.status == "open" and invoice.due_at is not None and invoice.due_at < now,
        memo=invoice.memo,
        purchase_order=invoice.purchase_order,
        net_days=invoice.net_days,
        replaces_invoice_id=invoice.replaces_invoice_id,
        uncollectible_at=state.uncollectible_at if state.status == "uncollectible" else None,
        uncollectible_reason=state.uncollectible_reason if state.status == "uncollectible" else None,
    )


def detail(
    invoice: Invoice,
    state: InvoiceState,
    lines: Sequence[InvoiceLine],
    taxes: Mapping[int, Sequence[LineTax]],
    planned: PlannedRow | None,
    now: datetime,
) -> InvoiceDetailOut:
    """An invoice with its lines and their taxes, which are by the number of the line."""
    customer = buyer(invoice)
    return InvoiceDetailOut(
        **msgspec.structs.asdict(summary(invoice, state, now)),
        seller_name=seller(invoice).name,
        customer_name=customer.name,
        customer_external_id=customer.external_id,
        lines=[_line(line, invoice.subscription_id, taxes.get(line.line_no, ())) for line in lines],
        taxes=taxes_out(totals(tax for found in taxes.values() for tax in found)),
        finalizes_at=planned.due_at if planned else None,
        finalize_error=planned.last_error if planned else None,
    )


def preview(document: Document, due_at: datetime) -> InvoicePreviewOut:
    """A document that isn't stored."""
    return InvoicePreviewOut(
        customer_id=document.customer_id,
        currency=document.currency,
        subtotal_minor=document.subtotal_minor,
        tax_minor=document.tax_minor,
        included_tax_minor=document.included_tax_minor,
        total_minor=document.total_minor,
        due_at=due_at,
        lines=[_line_of(no, line) for no, line in enumerate(document.lines, 1)],
        taxes=taxes_out(totals(tax for line in document.lines for tax in line.taxes)),
    )


def _line(line: InvoiceLine, subscription_id: UUID | None, taxes: Iterable[LineTax]) -> LineOut:
    return LineOut(
        line_no=line.line_no,
        kind=msgspec.convert(line.kind, LineKind),
        description=line.description,
        quantity=plain(line.quantity),
        unit=line.unit,
        amount_minor=line.amount_minor,
        period_start=line.period_start,
        period_end=line.period_end,
        price_id=line.price_id,
        meter=line.meter_code,
        subscription_id=line.subscription_id or subscription_id,
        discount_minor=line.discount_minor,
        product=line.product,
        tax_category=line.tax_category,
        taxes=taxes_out(taxes),
    )


def _line_of(line_no: int, line: Line) -> LineOut:
    return LineOut(
        line_no=line_no,
        kind=line.kind,
        description=line.description,
        quantity=plain(line.quantity),
        unit=line.unit,
        amount_minor=line.amount_minor,
        period_start=line.period_start,
        period_end=line.period_end,
        price_id=line.price_id,
        meter=line.meter_code,
        subscription_id=line.subscription_id,
        discount_minor=line.discount_minor,
        product=line.product,
        tax_category=line.tax_category,
        taxes=taxes_out(line.taxes),
    )


def taxes_out(taxes: Iterable[LineTax]) -> list[TaxOut]:
    """Taxes of a line, or summed up."""
    return [
        TaxOut(
            tax.code,
            tax.name,
            tax.place,
            tax.category,
            plain(tax.rate),
            tax.inclusive,
            tax.taxable_minor,
            tax.tax_minor,
            tax.reason,
        )
        for tax in taxes
    ]


def buyer(invoice: Invoice | CreditNote) -> Buyer:
    """Who buys, as it stood when the document was issued."""
    return _buyer.decode(invoice.customer)


def seller(invoice: Invoice | CreditNote) -> Seller:
    """Who sells, as it stood when the document was issued."""
    return _seller.decode(invoice.seller)


def names(invoice: Invoice) -> dict[UUID, str]:
    """What the subscriptions of an invoice of several are called; none on others."""
    return {} if invoice.subscriptions is None else _names.decode(invoice.subscriptions)


def derivation(line: InvoiceLine | CreditNoteLine) -> Derivation:
    """How the line was computed."""
    return _derivation.decode(line.derivation)
