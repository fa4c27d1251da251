"""From a credit note to what its PDF shows."""

from collections.abc import Sequence

import msgspec

from corebilling.invoice.pdf.language import Language, language
from corebilling.invoice.pdf.lines import Taxes, credit_note_lines
from corebilling.invoice.pdf.logo import framed
from corebilling.invoice.pdf.parties import footer_of, printed_buyer, printed_seller
from corebilling.invoice.pdf.printable import Fact, Printable
from corebilling.invoice.pdf.taxes import printed_taxes, tax_notes, tax_totals
from corebilling.invoice.queries.models import CreditNote, CreditNoteLine
from corebilling.invoice.reading import buyer, seller


class CreditNoteContent(msgspec.Struct, frozen=True):
    """A credit note with all that its documents need. `corrects` is the number of the invoice that it corrects.

    `settled` are the numbers and amounts of the invoices that it settled when it was issued.
    """

    note: CreditNote
    lines: Sequence[CreditNoteLine]
    taxes: Taxes = {}
    corrects: str | None = None
    settled: Sequence[tuple[str, int]] = ()
    logo: bytes | None = None


def printable_credit_note(content: CreditNoteContent) -> Printable:
    """The credit note as text, in the same layout as the invoice that it corrects."""
    note = content.note
    sold_by, sold_to = seller(note), buyer(note)
    tongue = language(sold_to.locale or sold_by.locale)
    totals = tax_totals(tax for line in content.lines for tax in content.taxes.get(line.line_no, ()))
    words, currency = tongue.words, note.currency
    return Printable(
        title=f"{words.credit_note} {note.number}",
        kind=words.credit_note,
        language=tongue.code,
        right_to_left=tongue.right_to_left,
        words=words,
        stamp=None,
        seller=printed_seller(sold_by, tongue),
        customer=printed_buyer(sold_to, tongue),
        facts=_facts(content, sold_by.time_zone, tongue),
        memo=note.memo,
        currency=currency,
        lines=credit_note_lines(content.lines, content.taxes, currency, sold_to.time_zone, tongue),
        taxes=printed_taxes(totals, currency, tongue),
        notes=tax_notes(totals, tongue),
        totals=_above_total(note, tongue),
        total=tongue.money(note.total_minor, currency),
        included=_within_total(note, tongue),
        settled=_settled(content, tongue),
        due=None,
        terms=f"{words.reason}: {note.reason}" if note.reason else None,
        payment=[],
        footer=footer_of(sold_by),
        created_at=note.issued_at,
        logo=framed(content.logo),
    )


def _facts(content: CreditNoteContent, time_zone: str, tongue: Language) -> list[Fact]:
    note, words = content.note, tongue.words
    facts = [(words.credit_note_number, note.number), (words.issued_on, tongue.day(note.issued_at, time_zone))]
    if content.corrects:
        facts.append((words.corrects, content.corrects))
    return [*facts, (words.customer_number, buyer(note).external_id)]


def _above_total(note: CreditNote, tongue: Language) -> list[Fact]:
    if not note.tax_minor:
        return []
    subtotal = tongue.amount(note.total_minor - note.tax_minor, note.currency)
    return [(tongue.words.subtotal, subtotal), (tongue.words.tax, tongue.amount(note.tax_minor, note.currency))]


def _within_total(note: CreditNote, tongue: Language) -> list[Fact]:
    if not note.included_tax_minor:
        return []
    return [(tongue.words.included_tax, tongue.amount(note.included_tax_minor, note.currency))]


def _settled(content: CreditNoteContent, tongue: Language) -> list[Fact]:
    note, words = content.note, tongue.words
    rows = [
        (words.settles.format(number=number), tongue.amount(amount, note.currency))
        for number, amount in content.settled
    ]
    if note.balance_minor:
        rows.append((words.to_balance, tongue.amount(note.balance_minor, note.currency)))
    return rows
