"""From an invoice to what its PDF shows."""

from collections.abc import Sequence

import msgspec

from corebilling.invoice.pdf.language import Language, language
from corebilling.invoice.pdf.lines import Taxes, invoice_lines
from corebilling.invoice.pdf.logo import framed
from corebilling.invoice.pdf.parties import footer_of, payment_of, printed_buyer, printed_seller
from corebilling.invoice.pdf.printable import Fact, Printable
from corebilling.invoice.pdf.taxes import TaxTotal, printed_taxes, tax_notes, tax_totals
from corebilling.invoice.queries.models import Invoice, InvoiceLine, InvoiceState
from corebilling.invoice.reading import buyer, seller


class InvoiceContent(msgspec.Struct, frozen=True):
    """An invoice with all that its documents need, as it stood when it was issued.

    `credits` are the numbers and amounts of credit notes, `prepaid_minor` the prepaid credit, that settled a part of it then.
    """

    invoice: Invoice
    state: InvoiceState
    lines: Sequence[InvoiceLine]
    taxes: Taxes = {}
    credits: Sequence[tuple[str, int]] = ()
    prepaid_minor: int = 0
    logo: bytes | None = None

    @property
    def settled_minor(self) -> int:
        """How much of it was settled when it was issued."""
        return self.prepaid_minor + sum(amount for _, amount in self.credits)


def printable_invoice(content: InvoiceContent) -> Printable:
    """The invoice as text: its own dates in the seller's zone, periods in the buyer's, in which they were computed."""
    invoice, state = content.invoice, content.state
    sold_by, sold_to = seller(invoice), buyer(invoice)
    tongue = language(sold_to.locale or sold_by.locale)
    totals = tax_totals(tax for line in content.lines for tax in content.taxes.get(line.line_no, ()))
    left = invoice.total_minor - content.settled_minor
    is_payable = bool(left) and invoice.number is not None and state.status != "void"
    currency, words = invoice.currency, tongue.words
    return Printable(
        title=f"{words.invoice} {invoice.number}" if invoice.number else words.draft_invoice,
        kind=words.invoice,
        language=tongue.code,
        right_to_left=tongue.right_to_left,
        words=words,
        stamp={"draft": words.draft_stamp, "void": words.void_stamp}.get(state.status),
        seller=printed_seller(sold_by, tongue),
        customer=printed_buyer(sold_to, tongue),
        facts=_facts(content, sold_by.time_zone, sold_to.time_zone, tongue),
        memo=invoice.memo,
        currency=currency,
        lines=invoice_lines(invoice, content.lines, content.taxes, sold_to.time_zone, tongue),
        taxes=printed_taxes(totals, currency, tongue),
        notes=tax_notes(totals, tongue),
        totals=_above_total(invoice, totals, tongue),
        total=tongue.money(invoice.total_minor, currency),
        included=_within_total(invoice, tongue),
        settled=_settled(content, tongue),
        due=tongue.money(left, currency) if content.settled_minor else None,
        terms=_terms(content, sold_by.time_zone, tongue),
        payment=payment_of(sold_by, invoice.number, tongue) if is_payable and invoice.number else [],
        footer=footer_of(sold_by),
        created_at=invoice.issued_at or invoice.created_at,
        logo=framed(content.logo),
    )


def _facts(content: InvoiceContent, sellers_zone: str, buyers_zone: str, tongue: Language) -> list[Fact]:
    invoice, words = content.invoice, tongue.words
    facts = [(words.invoice_number, invoice.number or words.not_issued)]
    if invoice.issued_at and invoice.due_at:
        facts += [(words.issued_on, tongue.day(invoice.issued_at, sellers_zone))]
        facts += [(words.due_on, tongue.day(invoice.due_at, sellers_zone))]
    if invoice.period_start and invoice.period_end and invoice.period_start < invoice.period_end:
        facts += [(words.period, tongue.span(invoice.period_start, invoice.period_end, buyers_zone))]
    if invoice.purchase_order:
        facts += [(words.purchase_order, invoice.purchase_order)]
    return [*facts, (words.customer_number, buyer(invoice).external_id)]


def _above_total(invoice: Invoice, totals: Sequence[TaxTotal], tongue: Language) -> list[Fact]:
    """Subtotal and the taxes on top of it; nothing where the subtotal is the total."""
    added = [row for row in totals if not row.inclusive]
    if not added and not invoice.tax_minor:
        return []
    rows = [(tongue.words.subtotal, tongue.amount(invoice.subtotal_minor, invoice.currency))]
    return [*rows, (tongue.words.tax, tongue.amount(invoice.tax_minor, invoice.currency))]


def _within_total(invoice: Invoice, tongue: Language) -> list[Fact]:
    if not invoice.included_tax_minor:
        return []
    return [(tongue.words.included_tax, tongue.amount(invoice.included_tax_minor, invoice.currency))]


def _settled(content: InvoiceContent, tongue: Language) -> list[Fact]:
    currency = content.invoice.currency
    rows = [
        (tongue.words.credited.format(number=number), tongue.amount(-amount, currency))
        for number, amount in content.credits
    ]
    if content.prepaid_minor:
        rows.append((tongue.words.prepaid, tongue.amount(-content.prepaid_minor, currency)))
    return rows


def _terms(content: InvoiceContent, time_zone: str, tongue: Language) -> str | None:
    invoice, state = content.invoice, content.state
    if state.status == "void" and state.void_reason:
        return tongue.words.voided.format(reason=state.void_reason)
    if invoice.number is None or invoice.due_at is None:
        return None
    if invoice.total_minor == content.settled_minor:
        return tongue.words.nothing_due
    return tongue.words.pay_by.format(date=tongue.day(invoice.due_at, time_zone), number=invoice.number)
