"""A document with taxes on its lines, and the totals that follow."""

from collections.abc import Sequence

import msgspec

from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.tax import LineTax
from corebilling.kernel.errors import invalid_field
from corebilling.kernel.money import MAX_MINOR


def taxed(document: Document, taxes: Sequence[tuple[LineTax, ...]]) -> Document:
    """The document with these taxes instead of those that it had. Raises `Invalid` for a total that can't be held."""
    lines = tuple(
        line if line.taxes == of_line else msgspec.structs.replace(line, taxes=of_line)
        for line, of_line in zip(document.lines, taxes, strict=True)
    )
    added = sum(tax.tax_minor for of_line in taxes for tax in of_line if not tax.inclusive)
    included = sum(tax.tax_minor for of_line in taxes for tax in of_line if tax.inclusive)
    total = sum(line.amount_minor for line in lines) + added
    if total > MAX_MINOR:
        detail = "the lines and their taxes add up to more than an invoice can hold; split it into several"
        raise invalid_field("/lines", detail, code="amount_too_large")
    return msgspec.structs.replace(
        document, lines=lines, total_minor=total, tax_minor=added, included_tax_minor=included
    )
