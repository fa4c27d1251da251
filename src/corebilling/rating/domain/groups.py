"""Usage by the values of event properties."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import UsageFigures, UsageGroup
from corebilling.rating.domain.amounts import ZERO

Values: TypeAlias = tuple[str | None, ...]


def grouped(used: UsageFigures, width: int) -> tuple[UsageGroup, ...]:
    """The groups; a bare quantity is a group without any of the properties."""
    if used.groups or not used.quantity:
        return used.groups
    return (UsageGroup((None,) * width, used.quantity),)


def without_first(units: Decimal, groups: Sequence[UsageGroup]) -> UsageFigures:
    """The usage that is left when the first units of the groups, in this order, come off."""
    left, kept, quantity = units, [], ZERO
    for group in groups:
        taken = min(left, group.quantity)
        left = EXACT.subtract(left, taken)
        rest = EXACT.subtract(group.quantity, taken)
        quantity = EXACT.add(quantity, rest)
        kept.append(UsageGroup(group.values, rest))
    return UsageFigures(quantity, len(kept), tuple(kept))
