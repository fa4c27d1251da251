"""Money: one rounding rule, and parts that always add up to the whole."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.errors import Invalid
from corebilling.kernel.money import MAX_MINOR, allocate, exponent, from_minor, to_minor


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("EUR", 2), ("KWD", 3), ("CLF", 4)])
def test_exponents_follow_iso_4217(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize("currency", ["", "EURO", "eur ", "ZZZ"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(Invalid):
        exponent(currency)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("0.005", "EUR", 1),
        ("-0.005", "EUR", -1),
        ("0.00499999999999", "EUR", 0),
        ("2.5", "JPY", 3),
        ("-2.5", "JPY", -3),
        ("1.0005", "KWD", 1001),
        ("71.60", "EUR", 7160),
        ("92233720368547758.07", "EUR", MAX_MINOR),
    ],
)
def test_rounding_is_half_away_from_zero(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


def test_an_amount_beyond_bigint_is_refused() -> None:
    with pytest.raises(Invalid, match="larger than a document can hold"):
        to_minor(Decimal("92233720368547758.08"), "EUR")


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_minor_units_survive_the_way_there_and_back(minor: int, currency: str) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor


weights = st.lists(
    st.one_of(st.integers(0, 10**12), st.decimals(min_value=0, max_value=10**9, places=6)), min_size=1, max_size=50
)


@given(st.integers(-(10**15), 10**15), weights)
def test_allocated_parts_add_up_to_the_whole(total: int, shares: list[Decimal | int]) -> None:
    parts = allocate(total, shares)
    assert len(parts) == len(shares)
    assert sum(parts) == total


@given(st.integers(0, 10**12), weights)
def test_no_part_is_a_whole_unit_away_from_its_exact_share(total: int, shares: list[Decimal | int]) -> None:
    whole = sum(map(Decimal, shares), Decimal(0))
    if whole:
        for part, share in zip(allocate(total, shares), shares, strict=True):
            assert abs(Decimal(part) - Decimal(total) * Decimal(share) / whole) < 1 + Decimal("1e-9")


def test_ties_go_to_the_first_and_nothing_to_weigh_is_split_evenly() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(5, [0, 0]) == [3, 2]
    assert allocate(5, []) == []


def test_negative_weights_are_refused() -> None:
    with pytest.raises(Invalid):
        allocate(100, [1, -1])
