"""Telling how amounts came about, so that a reader can check them by hand."""

from decimal import Decimal

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.money import from_minor


def calculation(step: DerivationStep) -> str:
    """`1000 x 0.02 + 5 = 25`; a factor or flat amount of 0 is left out where the other says it all."""
    product = f"{plain(step.quantity)} x {plain(step.unit_amount)}"
    parts = []
    if step.unit_amount or not step.flat_amount:
        parts.append(product)
    if step.flat_amount:
        parts.append(plain(step.flat_amount))
    return f"{' + '.join(parts)} = {plain(step.amount)}"


def rounding(exact: Decimal, already_billed_minor: int, amount_minor: int, currency: str) -> str:
    """How the exact amount became the line's."""
    billed = f" less {from_minor(already_billed_minor, currency)} billed before" if already_billed_minor else ""
    shown = from_minor(amount_minor, currency)
    return f"{plain(exact)}{billed}, rounded once, half away from zero, is {shown} {currency}"


def addition(amounts_minor: list[int], total_minor: int, currency: str) -> str:
    """`20.00 + 5.00 = 25.00 EUR`."""
    terms = " + ".join(str(from_minor(amount, currency)) for amount in amounts_minor) or "0"
    return f"{terms} = {from_minor(total_minor, currency)} {currency}"
