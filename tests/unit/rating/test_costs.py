"""What usage costs the operator. Figures are worked out by hand beside each case."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from corebilling.kernel.plan import OperatorCost
from corebilling.kernel.usage import UsageFigures, UsageGroup, UsageWindow
from corebilling.rating.domain.costs import cost_of, cost_question, costs_in_force

METER = UUID(int=1)
JANUARY, MID_JANUARY, FEBRUARY = [datetime(2026, *day, tzinfo=UTC) for day in ((1, 1), (1, 15), (2, 1))]
WINDOW = UsageWindow(UUID(int=2), UUID(int=3), METER, JANUARY, FEBRUARY, 1)


def cost(unit_cost: str, valid_from: datetime = JANUARY, *, currency: str = "EUR", **place: str) -> OperatorCost:
    return OperatorCost(METER, currency, Decimal(unit_cost), valid_from, **place)


def used(total: str, **by_value: str) -> UsageFigures:
    groups = tuple(UsageGroup((value,), Decimal(quantity)) for value, quantity in by_value.items())
    return UsageFigures(Decimal(total), groups=groups)


def test_the_cost_is_quantity_times_unit_cost_and_exact() -> None:
    in_force = costs_in_force([cost("0.0000001")], currency="EUR", before=FEBRUARY)
    assert cost_question(WINDOW, in_force).detail == "total"
    assert cost_of(used("123456789"), in_force) == Decimal("12.3456789")
    assert cost_of(used("0"), in_force) == 0


def test_the_cost_in_force_last_within_the_window_counts() -> None:
    costs = [cost("3", MID_JANUARY), cost("2"), cost("9", FEBRUARY)]
    assert cost_of(used("10"), costs_in_force(costs, currency="EUR", before=FEBRUARY)) == 30
    assert cost_of(used("10"), costs_in_force(costs, currency="EUR", before=MID_JANUARY)) == 20


@pytest.mark.parametrize("costs", [[], [cost("2", FEBRUARY)], [cost("2", currency="USD")]])
def test_without_a_cost_in_force_nothing_is_known(costs: list[OperatorCost]) -> None:
    assert cost_of(used("10"), costs_in_force(costs, currency="EUR", before=FEBRUARY)) is None


def test_a_value_of_a_dimension_has_its_own_cost_and_the_rest_the_general_one() -> None:
    """4 x 1 + 6 x 5 + 10 x 2 = 54"""
    costs = [cost("1", dimension="region", value="eu"), cost("5", dimension="region", value="us"), cost("2")]
    in_force = costs_in_force(costs, currency="EUR", before=FEBRUARY)
    question = cost_question(WINDOW, in_force)
    assert (question.detail, question.group_by) == ("groups", ("region",))
    assert cost_of(used("20", eu="4", us="6", apac="10"), in_force) == 54


def test_usage_that_no_cost_names_costs_nothing() -> None:
    in_force = costs_in_force([cost("1", dimension="region", value="eu")], currency="EUR", before=FEBRUARY)
    assert cost_of(used("20", eu="4", us="16"), in_force) == 4


def test_of_two_dimensions_the_first_by_name_decides() -> None:
    costs = [cost("7", dimension="tier", value="gold"), cost("1", dimension="region", value="eu")]
    in_force = costs_in_force(costs, currency="EUR", before=FEBRUARY)
    assert cost_question(WINDOW, in_force).group_by == ("region", "tier")
    groups = (UsageGroup(("eu", "gold"), Decimal(2)), UsageGroup((None, "gold"), Decimal(3)))
    assert cost_of(UsageFigures(Decimal(5), groups=groups), in_force) == 2 * 1 + 3 * 7
