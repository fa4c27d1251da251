"""Taxes on lines: which rates apply is decided elsewhere, here they are worked out."""

from decimal import Decimal
from typing import Literal

import msgspec

TaxCategory = Literal["S", "Z", "E", "AE", "G", "K", "O"]
"""UNTDID 5305: standard rate, zero rate, exempt, reverse charge, export, supply within the EU, outside the scope."""


class LineTax(msgspec.Struct, frozen=True):
    """One tax on one line. `taxable_minor` is net of every tax; an `inclusive` tax is within the line's amount.

    `rate` is a fraction (`0.2`), `place` a country with its region where the rate is the region's (`FR`, `CA-QC`).
    `reason` says why nothing is due.
    """

    code: str
    name: str
    place: str
    category: TaxCategory
    rate: Decimal
    inclusive: bool
    taxable_minor: int
    tax_minor: int
    reason: str | None = None
