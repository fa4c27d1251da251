"""The engine: figures worked by hand, derivations that can be checked, and one rounding."""

from decimal import Decimal

import msgspec
import pytest

from corebilling.kernel.charge import Derivation
from corebilling.kernel.errors import Invalid
from corebilling.rating.domain.engine import ENGINE_VERSION, formula, minor_amount, of_quantity
from corebilling.rating.domain.engine import rate as rate_usage
from corebilling.rating.domain.price import Price, parse

TIERS = (
    '{"model":"graduated","tiers":[{"up_to":"100","unit_amount":"1.00","flat_amount":"10"},'
    '{"up_to":"200","unit_amount":"0.50","flat_amount":"5"},{"up_to":null,"unit_amount":"0.25"}]}'
)


def rate(price: Price, quantity: Decimal, *, epoch: int = 0, already_billed_minor: int = 0) -> Derivation:
    return rate_usage(price, of_quantity(quantity), epoch=epoch, already_billed_minor=already_billed_minor)


@pytest.mark.parametrize(
    ("definition", "quantity", "amount"),
    [
        ('{"model":"flat","amount":"49.90"}', "0", "49.90"),
        ('{"model":"flat","amount":"49.90"}', "7", "49.90"),
        ('{"model":"per_unit","unit_amount":"0.0375"}', "250", "9.375"),
        ('{"model":"per_unit","unit_amount":"0.0375"}', "0", "0"),
        (TIERS, "0", "10"),
        (TIERS, "1", "11"),
        (TIERS, "100", "110"),
        (TIERS, "100.5", "115.25"),
        (TIERS, "200", "165"),
        (TIERS, "1000", "365"),
    ],
)
def test_worked_figures(definition: str, quantity: str, amount: str) -> None:
    assert rate(parse(definition), Decimal(quantity)).amount == Decimal(amount)


def test_a_derivation_can_be_checked_by_hand() -> None:
    derivation = rate(parse(TIERS), Decimal(250), epoch=7)
    assert formula(derivation) == "10 + 100 x 1 + 5 + 100 x 0.5 + 50 x 0.25 = 177.5"
    assert (derivation.epoch, derivation.engine_version) == (7, ENGINE_VERSION)
    assert msgspec.json.decode(msgspec.json.encode(derivation), type=Derivation) == derivation


def test_a_charge_is_rounded_once_half_away_from_zero() -> None:
    price = parse(
        '{"model":"graduated","tiers":[{"up_to":"1","unit_amount":"0.004"},{"up_to":null,"unit_amount":"0.001"}]}'
    )
    assert minor_amount(rate(price, Decimal(2)), "EUR") == 1
    assert minor_amount(rate(price, Decimal(1)), "EUR") == 0


def test_what_was_billed_comes_off_after_rounding() -> None:
    price = parse('{"model":"per_unit","unit_amount":"0.333"}')
    assert minor_amount(rate(price, Decimal(3), already_billed_minor=33), "EUR") == 67


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity", "1e20"])
def test_a_quantity_that_cannot_be_is_refused(quantity: str) -> None:
    with pytest.raises(Invalid):
        rate(parse(TIERS), Decimal(quantity))
