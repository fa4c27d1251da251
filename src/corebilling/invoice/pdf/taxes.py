"""The taxes of a document: a row for each rate, and what must be said where none is due."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from corebilling.invoice.domain.tax import LineTax, TaxCategory
from corebilling.invoice.pdf.language import Language
from corebilling.invoice.pdf.printable import PrintedTax

_UNTAXED: frozenset[TaxCategory] = frozenset({"E", "AE", "G", "K", "O"})


class TaxTotal(msgspec.Struct, frozen=True):
    """What one rate comes to over all lines."""

    name: str
    place: str
    category: TaxCategory
    rate: Decimal
    inclusive: bool
    reason: str | None
    taxable_minor: int
    tax_minor: int


def tax_totals(taxes: Iterable[LineTax]) -> list[TaxTotal]:
    """One for each name, place, category and rate, in the order in which lines name them."""
    sums: dict[tuple[str, str, TaxCategory, Decimal, bool, str | None], tuple[int, int]] = {}
    for tax in taxes:
        key = (tax.name, tax.place, tax.category, tax.rate.normalize(), tax.inclusive, tax.reason)
        taxable, due = sums.get(key, (0, 0))
        sums[key] = (taxable + tax.taxable_minor, due + tax.tax_minor)
    return [TaxTotal(*key, *amounts) for key, amounts in sums.items()]


def printed_taxes(totals: Iterable[TaxTotal], currency: str, language: Language) -> list[PrintedTax]:
    """The summary of taxes; a name says its place only if several places share it."""
    rows = list(totals)
    places: dict[str, set[str]] = {}
    for row in rows:
        places.setdefault(row.name, set()).add(row.place)
    return [
        PrintedTax(
            f"{row.name} {row.place}" if len(places[row.name]) > 1 else row.name,
            language.percent(row.rate),
            language.amount(row.taxable_minor, currency),
            language.amount(row.tax_minor, currency),
        )
        for row in rows
    ]


def tax_notes(totals: Iterable[TaxTotal], language: Language) -> list[str]:
    """Why nothing is due on a part of it, once for each reason."""
    notes = []
    for row in totals:
        if row.category == "AE":
            notes.append(language.words.reverse_charge)
        elif row.category in _UNTAXED:
            notes.append(f"{language.words.exempt}: {row.reason}" if row.reason else language.words.exempt)
    return list(dict.fromkeys(notes))
