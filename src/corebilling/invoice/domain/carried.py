"""Credit that was carried from invoice to invoice until none was to come: given back with the taxes that were held back with it."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from corebilling.invoice.domain.document import Document, Line
from corebilling.invoice.domain.splitting import spread
from corebilling.invoice.domain.tax import AppliedRate, LineTax, assess, bases
from corebilling.kernel.charge import Derivation

_CARRIED = "carried"
"""What rating calls the model of its charges of carried credit."""


class HeldBack(msgspec.Struct, frozen=True):
    """A part of carried credit: a line that it came from, if that is known, and the taxes that go with it."""

    amount_minor: int
    line: Line | None = None
    taxes: tuple[LineTax, ...] = ()


def is_carried(derivation: Derivation) -> bool:
    """Whether a charge for a credit note gives back what invoices carried on, and no revenue."""
    return derivation.model == _CARRIED


def held_back(carriers: Iterable[tuple[Document, int]], amount_minor: int) -> list[HeldBack]:
    """An amount of carried credit, by products and rates of the lines that it came from.

    `carriers` are the invoices that carried something on, and how much, the latest first: what they carried before was used
    up first. Their negative lines were taxed on what wasn't carried (tax.py); the rest of those taxes is given back now.
    What no invoice tells of has no taxes.
    """
    found: dict[tuple[str | None, tuple[AppliedRate, ...]], Line] = {}
    left = amount_minor
    for document, carried_minor in carriers:
        weights = _carried_of(document.lines)
        taken = min(left, carried_minor, sum(weights))
        left -= taken
        for line, part in zip(document.lines, spread(taken, weights), strict=True):
            if part:
                key = (line.product, tuple(_rate(tax) for tax in line.taxes))
                so_far = found[key].amount_minor if key in found else 0
                found[key] = replace(line, amount_minor=so_far + part, discount_minor=0)
    taxes = assess(list(found.values()), [rates for _, rates in found], "invoice")
    parts = [HeldBack(line.amount_minor, line, due) for line, due in zip(found.values(), taxes, strict=True)]
    return parts + ([HeldBack(left)] if left else [])


def _carried_of(lines: Sequence[Line]) -> list[int]:
    """How much of each line, 0 or more, was carried on."""
    taxed_on = bases(lines)
    return [
        max(base - line.amount_minor - line.discount_minor, 0)
        if line.kind not in ("discount", "carried") and line.amount_minor + line.discount_minor < 0
        else 0
        for line, base in zip(lines, taxed_on, strict=True)
    ]


def _rate(tax: LineTax) -> AppliedRate:
    return AppliedRate(tax.code, tax.name, tax.place, tax.category, tax.rate, tax.inclusive, tax.reason)
