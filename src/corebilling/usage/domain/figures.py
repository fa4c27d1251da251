"""Quantities that can't be exact (averages and weighted sums), and the order of groups."""

from decimal import ROUND_HALF_UP, Decimal

from corebilling.kernel.decimals import plain
from corebilling.kernel.money import EXACT

QUOTIENT_DECIMALS = 18
_LAST_DIGIT = Decimal(1).scaleb(-QUOTIENT_DECIMALS)

Values = tuple[str | None, ...]
"""The values of the properties that usage is grouped by; None where one is absent."""


def quotient(dividend: Decimal, divisor: Decimal | int) -> Decimal:
    """The quotient of exact figures, to 18 decimals, half away from zero; 0 where there is nothing to divide by.

    The dividend is exact whatever the order of the events, so the quotient is the same for every order.
    """
    if divisor <= 0:
        return Decimal(0)
    found = EXACT.divide(dividend, Decimal(divisor))
    return Decimal(plain(found.quantize(_LAST_DIGIT, rounding=ROUND_HALF_UP, context=EXACT)))


def order_of(values: Values) -> list[tuple[bool, str]]:
    """What groups are sorted by: their values as text, absent ones first."""
    return [(value is not None, value or "") for value in values]
