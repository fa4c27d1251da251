"""What usage costs the operator, for the margin of a charge.

The cost of a window is the one that was in force last within it: what a period costs doesn't hang on the instants at which
its events came. A cost for a dimension's value goes before the one for everything; where an event has values of several
dimensions, the first dimension by name decides.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from corebilling.kernel.money import EXACT
from corebilling.kernel.plan import OperatorCost
from corebilling.kernel.usage import UsageFigures, UsageGroup, UsageQuestion, UsageWindow


def costs_in_force(costs: Sequence[OperatorCost], *, currency: str, before: datetime) -> tuple[OperatorCost, ...]:
    """Of one meter's costs those that hold at the end of a window, `before` being the instant after its last.

    For each dimension and value the latest counts. Costs in another currency than the charge's say nothing about it.
    """
    latest: dict[tuple[str | None, str | None], OperatorCost] = {}
    for cost in sorted(costs, key=lambda cost: cost.valid_from):
        if cost.currency == currency and cost.valid_from < before:
            latest[cost.dimension, cost.value] = cost
    return tuple(latest.values())


def cost_question(window: UsageWindow, in_force: Sequence[OperatorCost]) -> UsageQuestion:
    """What has to be known of the usage: its total, or its quantity by the dimensions that the costs name."""
    dimensions = _dimensions(in_force)
    return UsageQuestion(window, "groups" if dimensions else "total", dimensions)


def cost_of(used: UsageFigures, in_force: Sequence[OperatorCost]) -> Decimal | None:
    """The exact cost in major units of usage as `cost_question` asked for it; None where no cost is in force.

    Usage that no cost names costs nothing.
    """
    if not in_force:
        return None
    dimensions = _dimensions(in_force)
    unit_costs = {(cost.dimension, cost.value): cost.unit_cost for cost in in_force}
    groups = used.groups if dimensions else (UsageGroup((), used.quantity),)
    total = Decimal(0)
    for group in groups:
        named = zip(dimensions, group.values, strict=True)
        unit_cost = next((unit_costs[pair] for pair in named if pair in unit_costs), unit_costs.get((None, None)))
        if unit_cost is not None:
            total = EXACT.add(total, EXACT.multiply(group.quantity, unit_cost))
    return total


def _dimensions(in_force: Sequence[OperatorCost]) -> tuple[str, ...]:
    return tuple(sorted({cost.dimension for cost in in_force if cost.dimension is not None}))
