"""Exact decimals as people and other programs should read them."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

DecimalText = Annotated[str, Meta(description="An exact decimal in plain digits, such as 0.0042.")]
"""How quantities and unit amounts go out: `str(Decimal)` may hold an exponent."""


def plain(value: Decimal) -> str:
    """Digits without an exponent and without zeros that say nothing: `25.5`, `1000`, `0.0000004`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
