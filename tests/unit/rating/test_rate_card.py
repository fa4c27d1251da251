"""Rate cards: ranges are half-open, every rule shows its calculation, and nothing is left out silently."""

from decimal import Decimal
from uuid import UUID

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.plan import RateCard, RateCardRule
from corebilling.rating.domain import rate_card


def card(*rules: RateCardRule, order_amount: str = "3") -> RateCard:
    return RateCard(UUID(int=1), "default", "Default", "EUR", order_amount, rules)


DEFAULT = card(
    RateCardRule("weight", "0", "10", "15", "1.50", "kg"),
    RateCardRule("weight", "10", "50", "30", "2.00", "kg"),
    RateCardRule("weight", "50", None, "60", "2.50", "kg"),
    RateCardRule("distance", "0", "10", "5", "0", "km"),
    RateCardRule("distance", "10", "50", "10", "0.50", "km"),
    RateCardRule("distance", "50", None, "25", "1.00", "km"),
)


def order(**metrics: str) -> dict[str, Decimal]:
    return {metric: Decimal(value) for metric, value in metrics.items()}


def test_ten_and_a_half_kilograms_over_fifteen_kilometres_cost_71_60() -> None:
    quoted = rate_card.quote(DEFAULT, order(weight="10.5", distance="15.2"))
    assert quoted.total == Decimal("71.60")
    assert quoted.total_minor == 7160
    assert [line.calculation for line in quoted.applied] == [
        "30.00 + 10.5 kg x 2.00",
        "10.00 + 15.2 km x 0.50",
        "3.00 per order",
    ]
    assert quoted.warnings == ()


@pytest.mark.parametrize(("weight", "total"), [("0", "18"), ("9.999", "32.9985"), ("10", "53"), ("50", "188")])
def test_a_range_holds_its_start_and_not_its_end(weight: str, total: str) -> None:
    assert rate_card.quote(DEFAULT, order(weight=weight)).total == Decimal(total)


def test_a_metric_the_order_leaves_out_is_a_warning() -> None:
    quoted = rate_card.quote(DEFAULT, order(weight="1"))
    assert quoted.warnings == ("the order states no distance: the card's rules for it were not applied",)


def test_a_common_metric_without_a_rule_is_a_warning() -> None:
    quoted = rate_card.quote(DEFAULT, order(weight="1", distance="1", volume="2"))
    assert quoted.warnings == ("the rate card has no rule for volume: it was not priced",)


def test_a_value_outside_every_range_is_a_warning() -> None:
    heavy = card(RateCardRule("weight", "50", None, "60", "2.50", "kg"))
    quoted = rate_card.quote(heavy, order(weight="1"))
    assert (quoted.total, quoted.warnings) == (Decimal(3), ("no rule covers a weight of 1: it was not priced",))


def test_a_misspelt_metric_is_refused_with_its_pointer() -> None:
    with pytest.raises(Invalid) as refused:
        rate_card.quote(DEFAULT, order(wieght="10.5"))
    assert [field.pointer for field in refused.value.fields] == ["/order/wieght"]


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity", "1e16", "1e999999", "0.0000000000001"])
def test_an_absurd_value_is_refused_with_its_pointer(value: str) -> None:
    with pytest.raises(Invalid) as refused:
        rate_card.quote(DEFAULT, order(weight=value))
    assert [field.pointer for field in refused.value.fields] == ["/order/weight"]


def test_an_order_without_metrics_is_refused() -> None:
    with pytest.raises(Invalid, match="at least one of weight, distance"):
        rate_card.quote(DEFAULT, {})


def test_the_default_card_passes_the_checks() -> None:
    rate_card.check(DEFAULT)


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ([RateCardRule("weight", "0", "10", "1", "x")], "/rules/0/unit_amount"),
        ([RateCardRule("weight", "0", "10", "-1", "1")], "/rules/0/base_amount"),
        ([RateCardRule("weight", "5", "5", "1", "1")], "/rules/0/range_end"),
        (
            [RateCardRule("weight", "5", None, "1", "1"), RateCardRule("weight", "9", None, "1", "1")],
            "/rules/1/range_start",
        ),
        (
            [RateCardRule("weight", "5", "9", "1", "1"), RateCardRule("weight", "0", "6", "1", "1")],
            "/rules/0/range_start",
        ),
        ([RateCardRule("", "0", None, "1", "1")], "/rules/0/metric"),
    ],
)
def test_a_faulty_card_is_refused_with_its_pointer(rules: list[RateCardRule], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        rate_card.check(card(*rules))
    assert [field.pointer for field in refused.value.fields] == [pointer]
