"""From an invoice to a PDF: formatting here, layout in `invoice.typ`.

The same invoice gives the same bytes: only typst's bundled fonts are used, and the PDF's date is the invoice's own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import typst

from corebilling.invoice.queries.models import Invoice, InvoiceLine, InvoiceState
from corebilling.invoice.reading import buyer, derivation, names, seller
from corebilling.kernel.charge import Derivation, DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.money import exponent, from_minor
from corebilling.kernel.period import zone

STAMPS = {"draft": "DRAFT", "void": "VOID"}

UNCOUNTED = frozenset({"discount", "carried", "commitment"})
"""Kinds of lines that are an amount, not so many of something."""

OF_USAGE = frozenset({"usage", "late_usage", "adjustment"})


class Step(msgspec.Struct, frozen=True):
    """A row of a line's breakdown."""

    label: str
    quantity: str
    unit_amount: str
    amount: str


class PrintedLine(msgspec.Struct, frozen=True):
    """A line, with its breakdown where one unit price doesn't tell it all.

    `heading` stands above the first line of each subscription, where there are several; `remarks` below the description.
    """

    heading: str | None
    description: str
    remarks: list[str]
    quantity: str
    unit_amount: str
    amount: str
    steps: list[Step]


class Printable(msgspec.Struct, frozen=True):
    """All that the template shows, as text. `created_at` dates the PDF.

    `credits` are credit notes that settled a part of the total when it was issued, and what they leave to pay.
    """

    title: str
    stamp: str | None
    seller: dict[str, str]
    customer: dict[str, str | None]
    facts: list[tuple[str, str]]
    lines: list[PrintedLine]
    totals: list[tuple[str, str]]
    total: str
    credits: list[tuple[str, str]]
    currency: str
    note: str | None
    created_at: datetime

    @classmethod
    def of(
        cls,
        invoice: Invoice,
        state: InvoiceState,
        lines: list[InvoiceLine],
        credits: Sequence[tuple[str, int]] = (),
    ) -> "Printable":
        """The invoice as text: its own dates in the seller's zone, periods in the buyer's, in which they were computed.

        `credits` are the numbers and amounts of credit notes that settled a part of it when it was issued.
        """
        sold_by, sold_to = seller(invoice), buyer(invoice)
        facts = [("Invoice number", invoice.number or "not issued yet")]
        if invoice.issued_at and invoice.due_at:
            facts += [("Date of issue", day(invoice.issued_at, sold_by.time_zone))]
            facts += [("Due date", day(invoice.due_at, sold_by.time_zone))]
        if invoice.period_start and invoice.period_end:
            facts += [("Period", span(invoice.period_start, invoice.period_end, sold_to.time_zone))]
        money = _money(invoice.currency)
        return cls(
            title=f"Invoice {invoice.number}" if invoice.number else "Draft invoice",
            stamp=STAMPS.get(state.status),
            seller={"name": sold_by.name},
            customer={"name": sold_to.name, "email": sold_to.email, "external_id": sold_to.external_id},
            facts=facts,
            lines=[
                _line(line, heading, invoice, sold_to.time_zone)
                for line, heading in zip(lines, _headings(invoice, lines), strict=True)
            ],
            totals=[("Subtotal", money(invoice.subtotal_minor)), ("Tax", money(invoice.tax_minor))],
            total=money(invoice.total_minor),
            credits=_left(invoice, credits),
            currency=invoice.currency,
            note=f"Voided: {state.void_reason}" if state.void_reason else _terms(invoice, sold_by.time_zone, credits),
            created_at=invoice.issued_at or invoice.created_at,
        )


def render(printable: Printable) -> bytes:
    """Set the invoice as a PDF. It takes tens of milliseconds of one core: call it in a thread, outside any transaction."""
    pdf = typst.compile(
        _template(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"invoice": msgspec.json.encode(printable).decode()},
        timestamp=int(printable.created_at.timestamp()),
    )
    assert isinstance(pdf, bytes)
    return pdf


@cache
def _template() -> bytes:
    return Path(__file__).with_name("invoice.typ").read_bytes()


def _headings(invoice: Invoice, lines: list[InvoiceLine]) -> list[str | None]:
    """The name of a subscription where its lines begin, on invoices of several."""
    called, before = names(invoice), None
    headings: list[str | None] = []
    for line in lines:
        is_first = line.subscription_id is not None and line.subscription_id != before
        headings.append(called.get(line.subscription_id) if line.subscription_id and is_first else None)
        before = line.subscription_id
    return headings


def _line(line: InvoiceLine, heading: str | None, invoice: Invoice, time_zone: str) -> PrintedLine:
    how = derivation(line)
    remarks = _remarks(line, how, invoice, time_zone)
    amount = _money(invoice.currency)(line.amount_minor)
    if line.kind in UNCOUNTED:
        steps = [] if len(how.steps) == 1 else _steps(how, invoice.currency)
        return PrintedLine(heading, line.description, remarks, "", "", amount, steps)
    simple = _is_simple(how)
    unit = f" {line.unit}" if line.unit else ""
    return PrintedLine(
        heading=heading,
        description=line.description,
        remarks=remarks,
        quantity=f"{figure(line.quantity)}{unit}",
        unit_amount=priced(_price(how.steps[0]), invoice.currency) if simple else "",
        amount=amount,
        steps=[] if simple else _steps(how, invoice.currency),
    )


def _remarks(line: InvoiceLine, how: Derivation, invoice: Invoice, time_zone: str) -> list[str]:
    """The time that a line is for, what a coupon takes off, both figures of a correction."""
    remarks = []
    if line.kind == "discount":
        remarks += [f"{step.label} {priced(step.quantity, invoice.currency)}" for step in how.steps if step.unit_amount]
    elif line.period_start and line.period_end and line.period_start < line.period_end and line.kind != "carried":
        shown = span(line.period_start, line.period_end, time_zone)
        is_earlier = line.kind == "late_usage" or line.period_start != invoice.period_start
        if shown not in line.description:
            remarks.append(f"Usage of {shown}" if line.kind in OF_USAGE and is_earlier else shown)
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


def _steps(how: Derivation, currency: str) -> list[Step]:
    rows = [_step(step, currency) for step in how.steps]
    if how.already_billed_minor:
        rows.append(Step("Billed before", "", "", _money(currency)(-how.already_billed_minor)))
    return rows


def _step(step: DerivationStep, currency: str) -> Step:
    amount = priced(step.amount, currency)
    if step.quantity == 1 and not step.unit_amount:
        return Step(step.label, "", "", amount)
    prices = " + ".join(priced(part, currency) for part in (step.unit_amount, step.flat_amount) if part) or "0"
    return Step(step.label, figure(step.quantity), prices, amount)


def _left(invoice: Invoice, credits: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
    if not credits:
        return []
    money = _money(invoice.currency)
    left = invoice.total_minor - sum(amount for _, amount in credits)
    rows = [(f"Credit note {number}", money(-amount)) for number, amount in credits]
    return [*rows, ("Amount due", f"{money(left)} {invoice.currency}")]


def _terms(invoice: Invoice, time_zone: str, credits: Sequence[tuple[str, int]]) -> str | None:
    left = invoice.total_minor - sum(amount for _, amount in credits)
    if invoice.number is None or invoice.due_at is None or not left:
        return None
    return f"Please pay by {day(invoice.due_at, time_zone)} and name {invoice.number} as the reference."


def figure(value: Decimal) -> str:
    """A decimal with thousands separated, without trailing zeros."""
    return f"{Decimal(plain(value)):,f}"


def priced(value: Decimal, currency: str) -> str:
    """An exact amount in major units: all of its decimals, and at least the currency's."""
    exact = Decimal(plain(value))
    decimals = exact.as_tuple().exponent
    assert isinstance(decimals, int)
    return f"{exact:,.{max(exponent(currency), -decimals)}f}"


def _money(currency: str) -> Any:
    return lambda minor: f"{from_minor(minor, currency):,f}"


def day(at: datetime, time_zone: str) -> str:
    """`31 January 2026`."""
    local = at.astimezone(zone(time_zone))
    return f"{local.day} {local:%B %Y}"


def span(start: datetime, end: datetime, time_zone: str) -> str:
    """A half-open period as its first and last day."""
    first, last = start.astimezone(zone(time_zone)), (end - timedelta(microseconds=1)).astimezone(zone(time_zone))
    if first.date() == last.date():
        return day(start, time_zone)
    shown = f"{first.day} {first:%b %Y}" if first.year != last.year else f"{first.day} {first:%b}"
    return f"{shown} – {last.day} {last:%b %Y}"  # noqa: RUF001 - an en dash belongs between dates
