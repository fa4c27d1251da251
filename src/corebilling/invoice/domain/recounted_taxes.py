"""Taxes of a final invoice worked out again from the rates that its lines name, and the totals that follow."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.findings import Difference, compared
from corebilling.invoice.domain.splitting import times
from corebilling.invoice.domain.tax import AppliedRate, LineTax, assess, bases
from corebilling.invoice.domain.tax_quote import TOLERANCE_MINOR
from corebilling.kernel.party import TaxRounding

Rounding = Literal["line", "invoice", "external"]
"""How the taxes of an invoice were rounded: `external` by an outside engine."""

_ROUNDINGS: tuple[TaxRounding, ...] = ("line", "invoice")


def of_taxes(document: Document) -> Iterator[Difference]:
    """Whether the taxes are those of their rates and bases.

    Rounding isn't stored: taxes are right if they are all those of either way. An outside engine's need only fit its rates,
    as they had to when it answered.
    """
    if not any(line.taxes for line in document.lines):
        return
    if document.tax_reference is not None:
        yield from _of_engine(document)
        return
    yield from min((_differences(document, _again(document, one)) for one in _ROUNDINGS), key=len)


def rounding_of(document: Document) -> Rounding | None:
    """How the taxes were rounded; None where there are none. By line, where both ways give the same."""
    if not any(line.taxes for line in document.lines):
        return None
    if document.tax_reference is not None:
        return "external"
    return min(_ROUNDINGS, key=lambda one: len(_differences(document, _again(document, one))))


def of_totals(document: Document, included_tax_minor: int, subtotal_minor: int) -> Iterator[Difference]:
    """Whether lines and taxes make up what the invoice comes to."""
    taxes = [tax for line in document.lines for tax in line.taxes]
    added = sum(tax.tax_minor for tax in taxes if not tax.inclusive)
    lines = sum(line.amount_minor for line in document.lines)
    yield from compared("subtotal_minor", subtotal_minor, lines)
    yield from compared("tax_minor", document.tax_minor, added)
    yield from compared("included_tax_minor", included_tax_minor, sum(tax.tax_minor for tax in taxes if tax.inclusive))
    yield from compared("total_minor", document.total_minor, lines + added)
    discounts = sum(line.amount_minor for line in document.lines if line.kind == "discount")
    shares = sum(line.discount_minor for line in document.lines)
    if shares:
        yield from compared("discount_minor", shares, discounts)


def _again(document: Document, rounding: TaxRounding) -> list[tuple[LineTax, ...]]:
    """The taxes of the lines by the rates that they name."""
    return assess(document.lines, [tuple(_rate(tax) for tax in line.taxes) for line in document.lines], rounding)


def _rate(tax: LineTax) -> AppliedRate:
    return AppliedRate(tax.code, tax.name, tax.place, tax.category, tax.rate, tax.inclusive, tax.reason)


def _differences(document: Document, made: Sequence[tuple[LineTax, ...]]) -> list[Difference]:
    found: list[Difference] = []
    for no, (line, taxes) in enumerate(zip(document.lines, made, strict=True), 1):
        found += compared("taxes", len(line.taxes), len(taxes), no)
        for kept, again in zip(line.taxes, taxes, strict=False):
            found += compared(f"tax {kept.code}: taxable_minor", kept.taxable_minor, again.taxable_minor, no)
            found += compared(f"tax {kept.code}: tax_minor", kept.tax_minor, again.tax_minor, no)
    return found


def _of_engine(document: Document) -> Iterator[Difference]:
    for no, (line, base) in enumerate(zip(document.lines, bases(document.lines), strict=True), 1):
        for tax in line.taxes:
            if abs(tax.taxable_minor) > abs(base):
                yield Difference(no, f"tax {tax.code}: taxable_minor", str(tax.taxable_minor), f"at most {base}")
            exact = times(tax.taxable_minor, tax.rate)
            if abs(exact - Decimal(tax.tax_minor)) > TOLERANCE_MINOR:
                yield Difference(no, f"tax {tax.code}: tax_minor", str(tax.tax_minor), f"about {exact.normalize():f}")
