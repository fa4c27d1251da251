"""Sums of quantities."""

from collections.abc import Iterable
from decimal import Decimal

from corebilling.kernel.money import EXACT


def exact_sum(quantities: Iterable[Decimal]) -> Decimal:
    """The sum, which the default precision of Decimal would round."""
    added = Decimal(0)
    for quantity in quantities:
        added = EXACT.add(added, quantity)
    return added
