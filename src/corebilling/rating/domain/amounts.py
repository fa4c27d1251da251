"""Decimals as prices and quantities carry them: their limits, and how people read them."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT, exponent

MAX_WHOLE_DIGITS = 16
"""Amounts and quantities stay below 10^16: 10^15, an enormous month of usage, is still one of them."""

MAX_DECIMALS = 12
ZERO = Decimal(0)
ONE = Decimal(1)


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


def payable_faults(value: Decimal, pointer: str, currency: str | None) -> Iterator[FieldError]:
    """As `faults`, for an amount that is due as it stands: it can't be finer than its currency's minor unit.

    A price per unit, package or event may be: it is multiplied first, and the line is rounded once.
    """
    found = next(faults(value, pointer), None)
    if found:
        yield found
    elif currency is not None and decimals(value) > exponent(currency):
        digits = exponent(currency)
        most = f"at most {digits} digits after the point" if digits else "no digits after the point"
        yield FieldError(pointer, f"must have {most}: it is charged as it stands, and {currency} has nothing smaller")


def size_faults(value: Decimal, pointer: str) -> Iterator[FieldError]:
    """As `faults`, for a size that something is divided by."""
    if value.is_finite() and not value:
        yield FieldError(pointer, "must be above 0; it says how many units are priced together")
    else:
        yield from faults(value, pointer)


def rate_faults(value: Decimal, pointer: str) -> Iterator[FieldError]:
    """As `faults`, for a fraction of an amount."""
    if value.is_finite() and value > ONE:
        yield FieldError(pointer, "must be a fraction between 0 and 1: 2.9 % is 0.029")
    else:
        yield from faults(value, pointer)


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


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
