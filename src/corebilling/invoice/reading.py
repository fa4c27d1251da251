"""Rows of invoices as answers."""

from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import Buyer, LineKind, Seller, purpose_of
from corebilling.invoice.domain.explain import addition, calculation, rounding
from corebilling.invoice.domain.states import Status
from corebilling.invoice.queries.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, InvoiceState
from corebilling.invoice.schemas import (
    Explanation,
    InvoiceDetailOut,
    InvoiceOut,
    LineExplanation,
    LineOut,
    StepOut,
)
from corebilling.kernel.charge import Derivation, DerivationStep
from corebilling.kernel.decimals import plain

_derivation = msgspec.json.Decoder(Derivation)
_buyer = msgspec.json.Decoder(Buyer)
_names = msgspec.json.Decoder(dict[UUID, str])
_seller = msgspec.json.Decoder(Seller)


def summary(invoice: Invoice, state: InvoiceState) -> InvoiceOut:
    """An invoice without its lines."""
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
        due_minor=(invoice.total_minor - state.paid_minor - state.credited_minor if state.status == "open" else 0),
        issued_at=invoice.issued_at,
        due_at=invoice.due_at,
        paid_at=state.paid_at,
        voided_at=state.voided_at,
        void_reason=state.void_reason,
        journal_id=invoice.journal_id,
        created_at=invoice.created_at,
    )


def detail(invoice: Invoice, state: InvoiceState, lines: list[InvoiceLine]) -> InvoiceDetailOut:
    """An invoice with its lines."""
    customer = buyer(invoice)
    return InvoiceDetailOut(
        **msgspec.structs.asdict(summary(invoice, state)),
        seller_name=seller(invoice).name,
        customer_name=customer.name,
        customer_external_id=customer.external_id,
        lines=[
            LineOut(
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
                subscription_id=line.subscription_id or invoice.subscription_id,
                discount_minor=line.discount_minor,
            )
            for line in lines
        ],
    )


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


def explanation(invoice: Invoice, lines: list[InvoiceLine], ratings: list[UUID]) -> Explanation:
    """The tree from the total down to the usage."""
    return Explanation(
        id=invoice.invoice_id,
        number=invoice.number,
        currency=invoice.currency,
        total_minor=invoice.total_minor,
        subtotal_minor=invoice.subtotal_minor,
        tax_minor=invoice.tax_minor,
        rating_id=invoice.rating_id,
        epoch=invoice.epoch,
        engine_version=invoice.engine_version,
        calculation=addition([line.amount_minor for line in lines], invoice.total_minor, invoice.currency),
        lines=[_explained(invoice, line) for line in lines],
        ratings=ratings,
    )


def _explained(invoice: Invoice, line: InvoiceLine) -> LineExplanation:
    how = derivation(line)
    return LineExplanation(
        line_no=line.line_no,
        description=line.description,
        kind=msgspec.convert(line.kind, LineKind),
        amount_minor=line.amount_minor,
        model=how.model,
        quantity=plain(how.quantity),
        unit=line.unit,
        steps=[_step(step) for step in how.steps],
        exact_amount=plain(how.amount),
        already_billed_minor=how.already_billed_minor,
        rounding=rounding(how.amount, how.already_billed_minor, line.amount_minor, invoice.currency),
        price_id=line.price_id,
        epoch=how.epoch,
        engine_version=how.engine_version,
        usage_events=_usage_path(invoice, line),
        subscription_id=line.subscription_id or invoice.subscription_id,
        discount_minor=line.discount_minor,
        note=how.note,
    )


def _usage_path(invoice: Invoice, line: InvoiceLine) -> str | None:
    if line.meter_code is None or line.period_start is None or line.period_end is None:
        return None
    query = urlencode(
        {
            "subscription_id": str(line.subscription_id or invoice.subscription_id),
            "meter": line.meter_code,
            "from": _instant(line.period_start),
            "to": _instant(line.period_end),
        }
    )
    return f"/v1/usage/events?{query}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _step(step: DerivationStep) -> StepOut:
    return StepOut(
        step.label,
        plain(step.quantity),
        plain(step.unit_amount),
        plain(step.flat_amount),
        plain(step.amount),
        calculation(step),
    )
