"""The one place where a quantity becomes an amount."""

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
    Raises `Invalid` for a quantity that is negative or beyond what is exact.
    """
    quantity = used.quantity
    if not quantity.is_finite() or (quantity and quantity.is_signed()) or quantity.adjusted() >= _MAX_QUANTITY_DIGITS:
        raise invalid_field("/quantity", f"a quantity of {quantity} can't be rated; correct the usage behind it")
    steps = price.steps(quantity)
    if len(steps) == 1:
        amount = steps[0].amount
    else:
        amount = steps[0].amount
        for step in steps[1:]:
            amount = EXACT.add(amount, step.amount)
    return Derivation(price.MODEL, quantity, steps, amount, epoch, ENGINE_VERSION, already_billed_minor)


def minor_amount(derivation: Derivation, currency: str) -> int:
    """The charge: the exact amount rounded once, less what was billed of it before."""
    return to_minor(derivation.amount, currency) - derivation.already_billed_minor


def formula(derivation: Derivation) -> str:
    """The derivation in one line, for people: `1000 x 0.10 + 250 x 0.08 = 120`."""
    terms = []
    for step in derivation.steps:
        product = f"{plain(step.quantity)} x {plain(step.unit_amount)}"
        if not step.flat_amount:
            terms.append(product)
        elif step.unit_amount:
            terms.append(f"{plain(step.flat_amount)} + {product}")
        else:
            terms.append(plain(step.flat_amount))
    return f"{' + '.join(terms)} = {plain(derivation.amount)}"
