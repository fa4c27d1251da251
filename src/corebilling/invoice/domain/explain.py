"""Telling how amounts came about, so that a reader can check them by hand."""

from decimal import Decimal

from corebilling.invoice.domain.splitting import times
from corebilling.invoice.domain.tax import LineTax
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


def subtraction(total_minor: int, parts: list[tuple[str, int]], currency: str) -> str:
    """`100.00 - 60.00 paid - 10.00 prepaid = 30.00 EUR`; parts of 0 are left out."""
    taken = "".join(f" - {from_minor(amount, currency)} {name}" for name, amount in parts if amount)
    return f"{from_minor(total_minor, currency)}{taken} = {from_minor(_less(total_minor, parts), currency)} {currency}"


def tax_calculation(tax: LineTax, rounded_by: str | None, currency: str, *, of_line: bool) -> str:
    """How a tax was worked out, of a line or of all of them, and where it was rounded."""
    base, due = from_minor(tax.taxable_minor, currency), from_minor(tax.tax_minor, currency)
    rate, exact = plain(tax.rate), plain(times(tax.taxable_minor, tax.rate).scaleb(_exponent(currency)))
    if rounded_by == "external":
        return f"{due} {currency} on {base}, as the tax engine says"
    if not tax.rate:
        return f"{base} x {rate} = 0" + (f": {tax.reason}" if tax.reason else "")
    if tax.inclusive:
        within = f"within {plain(from_minor(tax.taxable_minor + tax.tax_minor, currency))}"
        how = "split so that net and taxes add up" if of_line else "added up over the lines"
        return f"{due} {currency} at {rate} {within}: net {base}, {how}"
    if of_line and rounded_by == "invoice":
        return f"{base} x {rate} = {exact}, a share of the tax that is rounded once for all lines: {due} {currency}"
    if of_line or rounded_by == "invoice":
        return f"{base} x {rate} = {exact}, rounded once, half away from zero, is {due} {currency}"
    return f"{base} x {rate} = {exact}, rounded line by line, is {due} {currency}"


def _less(total_minor: int, parts: list[tuple[str, int]]) -> int:
    return total_minor - sum(amount for _, amount in parts)


def _exponent(currency: str) -> int:
    exponent = from_minor(1, currency).as_tuple().exponent
    assert isinstance(exponent, int), "an amount is finite"
    return exponent
