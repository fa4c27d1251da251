"""Matrix and rate card: properties choose the price. Figures are our own, and the rate card's are the design's."""

from decimal import Decimal

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.usage import UsageFigures, UsageGroup
from corebilling.rating.domain.engine import of_quantity, rate
from corebilling.rating.domain.price import parse

MATRIX = (
    '{"model":"matrix","dimensions":["region","size"],"cells":['
    '{"values":["eu","l"],"unit_amount":"2"},{"values":["us","l"],"unit_amount":"3"},'
    '{"values":["eu",null],"unit_amount":"5"}],"default_unit_amount":"7"%s}'
)
CARD = """{"model":"rate_card","order_amount":"3","rules":[
  {"metric":"weight","range_start":"0","range_end":"10","base_amount":"15","unit_amount":"1.50","unit":"kg"},
  {"metric":"weight","range_start":"10","range_end":"50","base_amount":"30","unit_amount":"2.00","unit":"kg"},
  {"metric":"distance","range_start":"0","range_end":"10","base_amount":"5","unit_amount":"0"},
  {"metric":"distance","range_start":"10","range_end":null,"base_amount":"10","unit_amount":"0.50"}]}"""


def grouped(*groups: tuple[tuple[str | None, ...], str]) -> UsageFigures:
    made = tuple(UsageGroup(values, Decimal(quantity)) for values, quantity in groups)
    return UsageFigures(sum((group.quantity for group in made), Decimal(0)), len(made), made)


def test_each_combination_has_its_price_and_the_rest_the_default() -> None:
    price = parse(MATRIX % "")
    assert (price.detail, price.group_by) == ("groups", ("region", "size"))
    derivation = rate(
        price, grouped((("eu", "l"), "10"), (("us", "l"), "1"), (("us", "xl"), "1"), (("asia", "l"), "2"))
    )
    assert derivation.amount == 20 + 3 + 3 * 7
    assert [step.label for step in derivation.steps] == ["region eu, size l", "region us, size l", "any other"]


def test_an_absent_property_matches_null_and_else_costs_the_default() -> None:
    price = parse(MATRIX % "")
    assert rate(price, grouped((("eu", None), "2"))).amount == 10
    assert rate(price, grouped(((None, "l"), "2"))).amount == 14
    assert rate(price, of_quantity(Decimal(2))).amount == 14


def test_no_usage_costs_nothing() -> None:
    derivation = rate(parse(MATRIX % ""), UsageFigures(Decimal(0)))
    assert (derivation.amount, len(derivation.steps)) == (0, 1)


def test_included_units_come_off_in_the_order_of_the_cells() -> None:
    price = parse(MATRIX % ',"included_units":"11"')
    used = grouped((("asia", "l"), "5"), (("eu", "l"), "10"), (("us", "l"), "2"))
    assert rate(price, used).amount == 3 + 5 * 7


def test_the_order_of_the_design_costs_71_60_less_its_missing_rules() -> None:
    """10.5 kg over 15.2 km: 30 + 21 for the weight, 10 + 7.60 for the distance, 3 per order."""
    price = parse(CARD)
    assert price.group_by == ("weight", "distance")
    assert rate(price, grouped((("10.5", "15.2"), "1"))).amount == Decimal("71.60")


def test_orders_add_up_by_rule() -> None:
    derivation = rate(parse(CARD), grouped((("10.5", "15.2"), "2"), (("1", None), "1"), (("99", "1"), "1")))
    assert derivation.amount == 2 * Decimal("71.60") + (15 + Decimal("1.5") + 3) + (5 + 3)
    assert [(step.label, step.quantity) for step in derivation.steps] == [
        ("weight [0, 10) kg", Decimal(1)),
        ("weight [10, 50) kg", Decimal(21)),
        ("distance [0, 10)", Decimal(1)),
        ("distance [10, )", Decimal("30.4")),
        ("orders", Decimal(4)),
    ]


@pytest.mark.parametrize("value", ["heavy", "-1", "NaN", ""])
def test_a_value_that_is_no_measure_is_refused_by_name(value: str) -> None:
    with pytest.raises(Invalid, match="amend the event") as refused:
        rate(parse(CARD), grouped(((value, "1"), "1")))
    assert [field.pointer for field in refused.value.fields] == ["/properties/weight"]


def test_a_group_below_zero_is_refused_rather_than_priced() -> None:
    with pytest.raises(Invalid, match="below zero"):
        rate(parse(MATRIX % ""), grouped((("eu", "l"), "3"), (("us", "l"), "-1")))
