"""Included units, minimum, maximum, discount: in this order, on any model. Figures are our own."""

from decimal import Decimal

import pytest

from corebilling.kernel.money import to_minor
from corebilling.rating.domain.amounts import sum_of
from corebilling.rating.domain.engine import formula, minor_amount, of_quantity, rate, true_up_minor
from corebilling.rating.domain.price import parse


def per_unit(**modifiers: str) -> str:
    fields = "".join(f',"{name}":"{value}"' for name, value in modifiers.items())
    return f'{{"model":"per_unit","unit_amount":"0.50"{fields}}}'


@pytest.mark.parametrize(("units", "total"), [("0", "0"), ("100", "0"), ("100.5", "0.25"), ("110", "5")])
def test_included_units_come_off_first(units: str, total: str) -> None:
    assert rate(parse(per_unit(included_units="100")), of_quantity(Decimal(units))).amount == Decimal(total)


def test_a_minimum_is_a_true_up_beside_the_amount() -> None:
    price = parse(per_unit(minimum_amount="20"))
    below, reached = rate(price, of_quantity(Decimal(10))), rate(price, of_quantity(Decimal(40)))
    assert (below.amount, below.true_up) == (5, 15)
    assert (reached.amount, reached.true_up) == (20, 0)
    assert rate(price, of_quantity(Decimal(0))).true_up == 20


def test_a_maximum_caps_and_says_so() -> None:
    derivation = rate(parse(per_unit(maximum_amount="20")), of_quantity(Decimal(100)))
    assert derivation.amount == 20
    assert formula(derivation) == "100 x 0.5 - 30 = 20"


def test_a_discount_comes_last_and_takes_its_part_of_the_true_up() -> None:
    derivation = rate(parse(per_unit(minimum_amount="20", discount_percent="12.5")), of_quantity(Decimal(10)))
    assert (derivation.amount, derivation.true_up) == (Decimal("4.375"), Decimal("13.125"))
    assert derivation.amount + derivation.true_up == Decimal(20) * Decimal("0.875")
    assert formula(derivation) == "10 x 0.5 - 5 x 0.125 = 4.375"


@pytest.mark.parametrize(("units", "total"), [("100", "9"), ("110", "9"), ("200", "45"), ("1000", "90")])
def test_all_four_apply_in_their_order(units: str, total: str) -> None:
    """100 units are included; at least 10, at most 100; 10 % off what is left."""
    price = parse(per_unit(included_units="100", minimum_amount="10", maximum_amount="100", discount_percent="10"))
    derivation = rate(price, of_quantity(Decimal(units)))
    assert derivation.amount + derivation.true_up == Decimal(total)


def test_the_amount_and_its_true_up_round_to_the_minimum_and_not_beyond() -> None:
    """3.335 and 6.665 would round to 3.34 and 6.67: a minimum of 10.00 would be billed as 10.01."""
    price = parse('{"model":"per_unit","unit_amount":"3.335","minimum_amount":"10"}')
    derivation = rate(price, of_quantity(Decimal(1)))
    assert (minor_amount(derivation, "EUR"), true_up_minor(derivation, "EUR")) == (334, 666)
    assert true_up_minor(rate(price, of_quantity(Decimal(4))), "EUR") == 0


def test_a_whole_discount_leaves_nothing() -> None:
    derivation = rate(parse(per_unit(discount_percent="100", minimum_amount="5")), of_quantity(Decimal(4)))
    assert (derivation.amount, derivation.true_up) == (0, 0)


def test_included_units_mean_nothing_to_a_flat_amount() -> None:
    price = parse('{"model":"flat","amount":"49.90","included_units":"10","discount_percent":"50"}')
    assert rate(price, of_quantity(Decimal(3))).amount == Decimal("24.95")


def test_a_quantity_of_ten_to_the_fifteenth_is_exact() -> None:
    price = parse('{"model":"per_unit","unit_amount":"0.000000000001","discount_percent":"33.333333333333"}')
    derivation = rate(price, of_quantity(Decimal(10**15) + Decimal("0.000000000001")))
    assert sum_of(step.amount for step in derivation.steps) == derivation.amount
    assert to_minor(derivation.amount, "EUR") == 66667
