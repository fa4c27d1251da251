"""Money: integer minor units at rest, exact Decimals in between, one rounding rule.

A charge is computed exactly and rounded once, half away from zero, to the currency's minor unit
(ISO 4217: JPY 0, EUR 2, KWD 3, CLF 4 digits). Nothing else in the product rounds.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from functools import cache

from iso4217 import Currency

from corebilling.kernel.errors import Invalid, invalid_field

EXACT = Context(prec=100)
"""Precision for exact arithmetic: quantities up to 10^15 with 12 decimals times prices of the same kind fit with room."""

MAX_MINOR = 2**63 - 1
"""The largest amount a document can hold (BIGINT)."""


@cache
def exponent(currency: str) -> int:
    """Digits after the point of an ISO 4217 currency. Raises `Invalid` for an unknown code."""
    try:
        digits = Currency(currency).exponent
    except ValueError:
        digits = None
    if digits is None:
        raise invalid_field(
            "/currency", f"'{currency}' is not an ISO 4217 currency; send a code such as EUR", code="unknown_currency"
        )
    return int(digits)


def to_minor(amount: Decimal, currency: str) -> int:
    """An exact amount in major units as minor units, rounded half away from zero.

    Raises `Invalid` when the result does not fit a document (beyond 2^63 - 1 minor units).
    """
    scaled = EXACT.scaleb(amount, exponent(currency))
    minor = int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP, context=EXACT))
    if abs(minor) > MAX_MINOR:
        raise Invalid(
            f"the amount {amount} {currency} is larger than a document can hold; split the usage or correct the price",
            code="amount_too_large",
        )
    return minor


def from_minor(minor: int, currency: str) -> Decimal:
    """Minor units as an exact amount in major units, with the currency's digits (`7160` EUR -> `71.60`)."""
    return EXACT.scaleb(Decimal(minor), -exponent(currency))


def allocate(total_minor: int, weights: Sequence[Decimal | int]) -> list[int]:
    """Split an amount by weight so that the parts add up to the whole (largest remainder, ties to the first).

    Weights must not be negative; if all are zero the split is even. Source: Hamilton's method.
    """
    if not weights:
        return []
    if any(weight < 0 for weight in weights):
        raise Invalid("weights of an allocation must not be negative", code="negative_weight")
    whole = sum((Decimal(weight) for weight in weights), Decimal(0))
    parts = [Decimal(weight) for weight in weights] if whole else [Decimal(1)] * len(weights)
    whole = whole or Decimal(len(weights))
    exact = [EXACT.divide(EXACT.multiply(Decimal(total_minor), part), whole) for part in parts]
    floors = [int(share.to_integral_value(rounding=ROUND_FLOOR)) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    for i in by_remainder[: total_minor - sum(floors)]:
        floors[i] += 1
    return floors
