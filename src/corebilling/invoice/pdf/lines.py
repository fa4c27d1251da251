"""Lines of documents as text."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from corebilling.invoice.domain.tax import LineTax
from corebilling.invoice.pdf.language import Language
from corebilling.invoice.pdf.printable import PrintedLine, Step
from corebilling.invoice.queries.models import CreditNoteLine, Invoice, InvoiceLine
from corebilling.invoice.reading import derivation, names
from corebilling.kernel.charge import Derivation, DerivationStep

UNCOUNTED = frozenset({"discount", "carried", "commitment"})
"""Kinds of lines that are an amount, not so many of something."""

OF_USAGE = frozenset({"usage", "late_usage", "adjustment"})

Taxes = Mapping[int, Sequence[LineTax]]
"""The taxes of each line, by its number."""


def invoice_lines(
    invoice: Invoice, lines: Sequence[InvoiceLine], taxes: Taxes, time_zone: str, language: Language
) -> list[PrintedLine]:
    """The lines of an invoice; periods are shown in `time_zone`, the buyer's, in which they were computed."""
    headings = _headings(invoice, lines)
    return [
        _invoice_line(line, heading, invoice, _rate(taxes.get(line.line_no, ()), language), time_zone, language)
        for line, heading in zip(lines, headings, strict=True)
    ]


def credit_note_lines(
    lines: Sequence[CreditNoteLine], taxes: Taxes, currency: str, time_zone: str, language: Language
) -> list[PrintedLine]:
    """The lines of a credit note: what is given back, and both figures where a part of the line stays."""
    return [
        PrintedLine(
            heading=None,
            description=line.description,
            remarks=_correction(line, currency, time_zone, language),
            quantity=language.figure(line.quantity),
            unit=line.unit or "",
            unit_amount="",
            rate=_rate(taxes.get(line.line_no, ()), language),
            amount=language.amount(line.amount_minor, currency),
            steps=[],
        )
        for line in lines
    ]


def _correction(line: CreditNoteLine, currency: str, time_zone: str, language: Language) -> list[str]:
    remarks = []
    if line.period_start and line.period_end and line.period_start < line.period_end:
        remarks.append(language.span(line.period_start, line.period_end, time_zone))
    if line.corrected_minor:
        billed, corrected = (language.amount(minor, currency) for minor in (line.billed_minor, line.corrected_minor))
        remarks.append(language.words.correction.format(billed=billed, corrected=corrected))
    if note := derivation(line).note:
        remarks.append(note)
    return remarks


def _headings(invoice: Invoice, lines: Sequence[InvoiceLine]) -> list[str | None]:
    """The name of a subscription where its lines begin, on invoices of several."""
    called, before = names(invoice), None
    headings: list[str | None] = []
    for line in lines:
        is_first = line.subscription_id is not None and line.subscription_id != before
        headings.append(called.get(line.subscription_id) if line.subscription_id and is_first else None)
        before = line.subscription_id
    return headings


def _rate(taxes: Sequence[LineTax], language: Language) -> str:
    return " + ".join(language.percent(tax.rate) for tax in taxes)


def _invoice_line(
    line: InvoiceLine, heading: str | None, invoice: Invoice, rate: str, time_zone: str, language: Language
) -> PrintedLine:
    how, currency = derivation(line), invoice.currency
    counted, simple = line.kind not in UNCOUNTED, _is_simple(how)
    tells_more = not simple if counted else len(how.steps) != 1
    return PrintedLine(
        heading=heading,
        description=line.description,
        remarks=_remarks(line, how, invoice, time_zone, language),
        quantity=language.figure(line.quantity) if counted else "",
        unit=(line.unit or "") if counted else "",
        unit_amount=language.priced(_price(how.steps[0]), currency) if counted and simple else "",
        rate=rate,
        amount=language.amount(line.amount_minor, currency),
        steps=_steps(how, currency, language) if tells_more else [],
    )


def _remarks(line: InvoiceLine, how: Derivation, invoice: Invoice, time_zone: str, language: Language) -> list[str]:
    """The time that a line is for, what a coupon takes off, both figures of a correction."""
    remarks = []
    if line.kind == "discount":
        priced = [
            (step.label, language.priced(step.quantity, invoice.currency)) for step in how.steps if step.unit_amount
        ]
        remarks += [f"{label} {amount}" for label, amount in priced]
    elif line.period_start and line.period_end and line.period_start < line.period_end and line.kind != "carried":
        shown = language.span(line.period_start, line.period_end, time_zone)
        is_earlier = line.kind == "late_usage" or line.period_start != invoice.period_start
        if shown not in line.description:
            usage = line.kind in OF_USAGE and is_earlier
            remarks.append(language.words.usage_of.format(period=shown) if usage else shown)
    if how.note:
        remarks.append(how.note)
    return remarks


def _is_simple(how: Derivation) -> bool:
    """Whether the line's own quantity x one unit price is the whole story: 26 messages in packages of 25 are two units."""
    if len(how.steps) != 1 or how.already_billed_minor:
        return False
    step = how.steps[0]
    if step.flat_amount:
        return step.quantity == 1 and not step.unit_amount
    return step.quantity == how.quantity


def _price(step: DerivationStep) -> Decimal:
    return step.unit_amount or step.flat_amount


def _steps(how: Derivation, currency: str, language: Language) -> list[Step]:
    rows = [_step(step, currency, language) for step in how.steps]
    if how.already_billed_minor:
        billed = language.amount(-how.already_billed_minor, currency)
        rows.append(Step(language.words.billed_before, "", "", billed))
    return rows


def _step(step: DerivationStep, currency: str, language: Language) -> Step:
    amount = language.priced(step.amount, currency)
    if step.quantity == 1 and not step.unit_amount:
        return Step(step.label, "", "", amount)
    parts = [language.priced(part, currency) for part in (step.unit_amount, step.flat_amount) if part]
    return Step(step.label, language.figure(step.quantity), " + ".join(parts) or language.figure(Decimal(0)), amount)
