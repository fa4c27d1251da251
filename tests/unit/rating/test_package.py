"""Packages: free units come off first, and what is left fills packages. Figures are our own unless a test says otherwise."""

from decimal import Decimal

import pytest

from corebilling.rating.domain.engine import formula, of_quantity, rate
from corebilling.rating.domain.price import parse

PRICE = '{"model":"package","package_size":"100","package_amount":"5","free_units":"50"%s}'
TIERED = (
    '{"model":"package","package_size":"10","free_units":"5"%s,"tiers":['
    '{"up_to":"100","package_amount":"4","flat_amount":"1"},'
    '{"up_to":null,"package_amount":"20","package_size":"100"}]}'
)


@pytest.mark.parametrize(
    ("units", "up", "down"),
    [
        ("0", "0", "0"),
        ("50", "0", "0"),
        ("50.000001", "5", "0"),
        ("150", "5", "5"),
        ("150.5", "10", "5"),
        ("1000000000000000", "50000000000000", "49999999999995"),
    ],
)
def test_a_package_that_is_begun_is_due_when_rounding_up(units: str, up: str, down: str) -> None:
    used = of_quantity(Decimal(units))
    assert rate(parse(PRICE % ""), used).amount == Decimal(up)
    assert rate(parse(PRICE % ',"round":"down"'), used).amount == Decimal(down)


@pytest.mark.parametrize(("units", "total"), [("0", "1"), ("15", "5"), ("105", "41"), ("106", "61"), ("305", "81")])
def test_each_tier_counts_its_own_units_in_packages_of_its_own_size(units: str, total: str) -> None:
    assert rate(parse(TIERED % ""), of_quantity(Decimal(units))).amount == Decimal(total)


def test_what_a_tier_leaves_over_is_not_due_when_rounding_down() -> None:
    assert rate(parse(TIERED % ',"round":"down"'), of_quantity(Decimal(204))).amount == 41


def test_the_calculation_shows_what_is_free() -> None:
    derivation = rate(parse(PRICE % ""), of_quantity(Decimal(151)))
    assert formula(derivation) == "50 x 0 + 2 x 5 = 10"
    assert [step.label for step in derivation.steps] == ["free units", "packages of 100"]


def test_graduated_tiers_may_be_priced_by_the_package() -> None:
    """Flexprice's rule for slabs (docs.flexprice.io, "Tiered"): packages are counted on the units inside each tier."""
    price = parse(
        '{"model":"graduated","tiers":[{"up_to":"1000","unit_amount":"2","package_size":"300"},'
        '{"up_to":null,"unit_amount":"0.001"}]}'
    )
    assert rate(price, of_quantity(Decimal(1100))).amount == Decimal("8.1")
    assert rate(price, of_quantity(Decimal(301))).amount == 4
