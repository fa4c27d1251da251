"""Rounding and splitting of minor units, the same for an amount and for its opposite."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from corebilling.kernel.money import EXACT, allocate


def rounded(amount: Decimal, divisor: Decimal | int = 1) -> int:
    """amount / divisor, rounded half away from zero."""
    exact = amount if divisor == 1 else EXACT.divide(amount, Decimal(divisor))
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP, context=EXACT))


def times(amount_minor: int, rate: Decimal) -> Decimal:
    """The exact product."""
    return EXACT.multiply(Decimal(amount_minor), rate)


def spread(amount: int, weights: Sequence[Decimal | int]) -> list[int]:
    """Split an amount of either sign by weights of 0 or more (largest remainder): nothing goes where nothing weighs."""
    if amount == 0 or not any(weights):
        return [0] * len(weights)
    parts = allocate(abs(amount), weights)
    return parts if amount > 0 else [-part for part in parts]


def apportion(amount: int, exact: Sequence[tuple[Decimal, Decimal | int]]) -> list[int]:
    """Whole parts of an amount that lie as near to their exact values (fractions, of either sign) as they add up.

    The values add up to about the amount; parts whose value is 0 stay 0 if there are others.
    """
    values = [numerator if divisor == 1 else EXACT.divide(numerator, divisor) for numerator, divisor in exact]
    parts = [int(value.to_integral_value(rounding=ROUND_DOWN)) for value in values]
    rest = amount - sum(parts)
    places = [n for n, value in enumerate(values) if value] or list(range(len(values)))
    if rest and places:
        sign = 1 if rest > 0 else -1
        each, extra = divmod(abs(rest), len(places))
        nearest = sorted(places, key=lambda n: (-sign * (values[n] - parts[n]), n))
        for order, n in enumerate(nearest):
            parts[n] += sign * (each + (order < extra))
    return parts
