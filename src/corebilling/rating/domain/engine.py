"""The one place where usage becomes an amount."""

from decimal import Decimal

from corebilling.kernel.charge import Derivation
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import invalid_field
from corebilling.kernel.money import EXACT, to_minor
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.price import Price

ENGINE_VERSION = "1"
"""Changes whenever the same price and quantity would give another amount."""

_MAX_QUANTITY_DIGITS = 20


def of_quantity(quantity: Decimal) -> UsageFigures:
    """A quantity that nothing more is known of: it counts as one event, or none where it is zero."""
    if not quantity:
        return UsageFigures(quantity)
    return UsageFigures(quantity, 1, amounts=(quantity,))


def rate(price: Price, used: UsageFigures, *, epoch: int = 0, already_billed_minor: int = 0) -> Derivation:
    """What usage costs, exactly, and how that came about.

    `epoch` is the usage watermark the usage was read at; `already_billed_minor` what earlier charges billed of it.
    Raises `Invalid` for a quantity that is negative or beyond what is exact, and for properties that can't be priced.
    """
    quantity = used.quantity
    if not quantity.is_finite() or (quantity and quantity.is_signed()) or quantity.adjusted() >= _MAX_QUANTITY_DIGITS:
        raise invalid_field("/quantity", f"a quantity of {quantity} can't be rated; correct the usage behind it")
    _check_parts(used)
    modified = price.modified
    if modified and price.included_units is not None:
        left = price.beyond_included(used)
        steps = (price.included_step(used, left), *price.steps(left))
    else:
        steps = price.steps(used)
    amount = steps[0].amount
    for step in steps[1:]:
        amount = EXACT.add(amount, step.amount)
    if not modified:
        return Derivation(price.MODEL, quantity, steps, amount, epoch, ENGINE_VERSION, already_billed_minor)
    steps, amount, true_up = price.limited(steps, amount)
    return Derivation(price.MODEL, quantity, steps, amount, epoch, ENGINE_VERSION, already_billed_minor, true_up)


def _check_parts(used: UsageFigures) -> None:
    """A meter may count down, so a sound total can hold an event or a group below zero; neither has a price."""
    parts = [*used.amounts, *(group.quantity for group in used.groups)]
    if parts and min(parts) < 0:
        detail = f"usage below zero ({min(parts)}) can't be rated event by event; correct it, or price its total"
        raise invalid_field("/quantity", detail)


def minor_amount(derivation: Derivation, currency: str) -> int:
    """The charge: the exact amount rounded once, less what was billed of it before."""
    return to_minor(derivation.amount, currency) - derivation.already_billed_minor


def true_up_minor(derivation: Derivation, currency: str) -> int:
    """The charge for the true-up to the minimum: so much that it and the amount, rounded, are the whole, rounded."""
    if not derivation.true_up:
        return 0
    whole = EXACT.add(derivation.amount, derivation.true_up)
    return to_minor(whole, currency) - to_minor(derivation.amount, currency)


def formula(derivation: Derivation) -> str:
    """The derivation in one line, for people: `1000 x 0.10 + 250 x 0.08 - 12 = 108`."""
    text = ""
    for step in derivation.steps:
        terms = []
        if step.flat_amount:
            terms.append((step.flat_amount.is_signed(), plain(abs(step.flat_amount))))
        if step.unit_amount or not terms:
            product = f"{plain(step.quantity)} x {plain(abs(step.unit_amount))}"
            terms.append((bool(step.unit_amount) and step.unit_amount.is_signed(), product))
        for negative, term in terms:
            text += f"{' - ' if negative else ' + '}{term}" if text else f"{'-' if negative else ''}{term}"
    return f"{text} = {plain(derivation.amount)}"
