"""Price definitions are read digit for digit and refused with a pointer to what is wrong."""

from decimal import Decimal

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.rating.domain.flat import Flat
from corebilling.rating.domain.price import parse


@pytest.mark.parametrize("text", ['"0.100000000001"', "0.100000000001"])
def test_amounts_are_exact_as_strings_and_as_numbers(text: str) -> None:
    assert parse(f'{{"model":"flat","amount":{text}}}') == Flat(Decimal("0.100000000001"))


def tiers(*rows: str) -> str:
    return f'{{"model":"graduated","tiers":[{",".join(rows)}]}}'


FIRST = '{"up_to":"10","unit_amount":"1"}'
OPEN = '{"up_to":null,"unit_amount":"1"}'


@pytest.mark.parametrize(
    ("definition", "pointers"),
    [
        ('{"model":"bogus"}', ["/price/model"]),
        ("{}", ["/price/model"]),
        ("[]", ["/price"]),
        ("{", ["/price"]),
        ('{"model":"flat"}', ["/price/amount"]),
        ('{"model":"flat","amount":"1","tax":"1"}', ["/price/tax"]),
        ('{"model":"flat","amount":true}', ["/price/amount"]),
        ('{"model":"flat","amount":"-0.01"}', ["/price/amount"]),
        ('{"model":"flat","amount":"NaN"}', ["/price/amount"]),
        ('{"model":"flat","amount":1e999}', ["/price/amount"]),
        ('{"model":"per_unit","unit_amount":"10000000000000000"}', ["/price/unit_amount"]),
        ('{"model":"per_unit","unit_amount":"0.0000000000001"}', ["/price/unit_amount"]),
        (tiers(), ["/price/tiers"]),
        (tiers(FIRST), ["/price/tiers/0/up_to"]),
        (tiers(OPEN, OPEN), ["/price/tiers/0/up_to"]),
        (tiers(FIRST, FIRST, OPEN), ["/price/tiers/1/up_to"]),
        (tiers('{"up_to":"0","unit_amount":"1"}', OPEN), ["/price/tiers/0/up_to"]),
        (tiers('{"up_to":"10","unit_amount":"-1","flat_amount":"NaN"}', OPEN),
         ["/price/tiers/0/unit_amount", "/price/tiers/0/flat_amount"]),
    ],
)  # fmt: skip
def test_a_faulty_definition_is_refused_with_pointers(definition: str, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        parse(definition)
    assert [field.pointer for field in refused.value.fields] == pointers


def test_zeros_at_the_end_do_not_count_as_digits() -> None:
    assert parse('{"model":"flat","amount":"1.50000000000000000000"}') == Flat(Decimal("1.5"))
