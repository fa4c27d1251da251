"""Decimals as prices and quantities carry them: their limits, and how people read them."""

from collections.abc import Iterator
from decimal import Decimal

from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import exponent

MAX_WHOLE_DIGITS = 15
MAX_DECIMALS = 12
ZERO = Decimal(0)


def faults(value: Decimal, pointer: str) -> Iterator[FieldError]:
    """What is wrong with an amount or a quantity that a caller sent: it must be finite, not negative and within the limits."""
    if not value.is_finite():
        yield FieldError(pointer, "must be a finite number; send digits such as 12.50")
    elif value and value.is_signed():
        yield FieldError(pointer, "must not be negative; send 0 or more")
    elif value.adjusted() >= MAX_WHOLE_DIGITS:
        yield FieldError(pointer, f"must be below 10^{MAX_WHOLE_DIGITS}; check its unit")
    elif decimals(value) > MAX_DECIMALS:
        yield FieldError(pointer, f"must have at most {MAX_DECIMALS} digits after the point; round it before sending")


def decimals(value: Decimal) -> int:
    """Digits after the point that matter: 1 for 1.500000000000000."""
    _, digits, places = value.as_tuple()
    if not isinstance(places, int) or not value:
        return 0
    zeros = next(count for count, digit in enumerate(reversed(digits)) if digit)
    return max(0, -places - zeros)


def money_text(amount: Decimal, currency: str) -> str:
    """An amount with at least its currency's digits, more where it is finer: `30.00`, `0.0375` EUR."""
    text = plain(amount)
    whole, _, fraction = text.partition(".")
    fraction = fraction.ljust(exponent(currency), "0")
    return f"{whole}.{fraction}" if fraction else whole
