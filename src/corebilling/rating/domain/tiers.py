"""Tiers: continuous ranges of a period's quantity, each with its bound inside (`up_to` 100 holds 100 and not 100.5)."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.rating.domain.amounts import ONE, ZERO, faults

MAX_TIERS = 100

Rounding = Literal["up", "down"]


class Span(NamedTuple):
    """A tier ready to compute with: `(lower, upper]`, priced per unit, or per package where it has a `package_size`."""

    label: str
    lower: Decimal
    upper: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal
    package_size: Decimal | None = None


def bound_faults(bounds: Sequence[Decimal | None], at: str) -> Iterator[FieldError]:
    """What is wrong with the upper bounds of the tiers below the pointer: they must rise, and only the last is open.

    A tier starts where the one before ends, so there can be no gap; an overlap shows as a bound that doesn't rise.
    """
    if not 1 <= len(bounds) <= MAX_TIERS:
        yield FieldError(at, f"must hold between 1 and {MAX_TIERS} tiers")
    lower = ZERO
    for number, bound in enumerate(bounds):
        pointer = f"{at}/{number}/up_to"
        last = number == len(bounds) - 1
        if bound is None:
            if not last:
                yield FieldError(pointer, "only the last tier may be open; give this one an upper bound")
            continue
        size = tuple(faults(bound, pointer))
        yield from size
        if size:
            continue
        if last:
            yield FieldError(pointer, "the last tier must be open; send null, so that every quantity has a price")
        if bound <= lower:
            yield FieldError(pointer, f"must be above {plain(lower)}, where the tier before ends")
        lower = bound


def spans(
    bounds: Sequence[Decimal | None], prices: Sequence[tuple[Decimal, Decimal, Decimal | None]]
) -> tuple[Span, ...]:
    """Tiers from their bounds and their (unit amount, flat amount, package size)."""
    made = []
    lower = ZERO
    for upper, (unit_amount, flat_amount, size) in zip(bounds, prices, strict=True):
        label = _label(lower, upper)
        if size is not None:
            label += f", packages of {plain(size)}"
        made.append(Span(label, lower, upper, unit_amount, flat_amount, size))
        lower = lower if upper is None else upper
    return tuple(made)


def passed(tiers: Sequence[Span], quantity: Decimal, rounding: Rounding = "up") -> tuple[DerivationStep, ...]:
    """One step for each tier entered, over the units that fall into it; zero usage enters the first."""
    steps = []
    for tier in tiers:
        upper = tier.upper
        inside = upper is None or quantity <= upper
        units = EXACT.subtract(quantity if inside or upper is None else upper, tier.lower)
        steps.append(step(tier, units, rounding))
        if inside:
            break
    return tuple(steps)


def reached(tiers: Sequence[Span], quantity: Decimal) -> Span:
    """The tier that the whole quantity lies in."""
    return next(tier for tier in tiers if tier.upper is None or quantity <= tier.upper)


def step(tier: Span, units: Decimal, rounding: Rounding = "up") -> DerivationStep:
    """What units cost in a tier, with its flat amount."""
    if tier.package_size is not None:
        units = packages(units, tier.package_size, rounding)
    amount = EXACT.multiply(units, tier.unit_amount)
    if tier.flat_amount:
        amount = EXACT.add(amount, tier.flat_amount)
    return DerivationStep(tier.label, units, tier.unit_amount, tier.flat_amount, amount)


def packages(units: Decimal, size: Decimal, rounding: Rounding) -> Decimal:
    """How many packages the units fill; one that is begun counts when rounding up."""
    whole, rest = EXACT.divmod(units, size)
    return EXACT.add(whole, ONE) if rest and rounding == "up" else whole


def _label(lower: Decimal, upper: Decimal | None) -> str:
    if upper is None:
        return f"above {plain(lower)}" if lower else "all units"
    return f"above {plain(lower)} up to {plain(upper)}" if lower else f"up to {plain(upper)}"
