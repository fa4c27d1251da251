"""Price definitions are read digit for digit and refused with a pointer to what is wrong."""

from decimal import Decimal

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.rating.checks import PriceChecks
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


PACKAGE = '{"model":"package","package_size":"10","package_amount":"1"'
MATRIX = '{"model":"matrix","dimensions":["a","b"],"default_unit_amount":"1","cells":['
CELL = '{"values":["x","y"],"unit_amount":"1"}'
RULE = '{"metric":"kg","range_start":"0","range_end":"10"}'


@pytest.mark.parametrize(
    ("definition", "pointers"),
    [
        ('{"model":"volume","tiers":[{"up_to":null}]}', ["/price/tiers/0"]),
        ('{"model":"volume","tiers":[{"up_to":null,"flat_amount":"1","package_size":"0"}]}',
         ["/price/tiers/0/package_size"]),
        ('{"model":"graduated","tiers":[{"up_to":null,"unit_amount":"1","price":"1"}]}', ["/price/tiers/0/price"]),
        ('{"model":"graduated","tiers":[{"unit_amount":"1"}]}', ["/price/tiers/0/up_to"]),
        (f'{{"model":"graduated","tiers":[{",".join([OPEN] * 101)}]}}',
         ["/price/tiers", *(f"/price/tiers/{number}/up_to" for number in range(100))]),
        ('{"model":"package"}', ["/price/package_size", "/price/package_amount"]),
        ('{"model":"package","package_size":"-1","package_amount":"1"}', ["/price/package_size"]),
        (PACKAGE + ',"round":"nearest"}', ["/price/round"]),
        (PACKAGE + ',"tiers":[{"up_to":null,"package_amount":"1"}]}', ["/price/package_amount"]),
        ('{"model":"package","tiers":[{"up_to":null,"package_amount":"1"}]}', ["/price/tiers/0/package_size"]),
        ('{"model":"percentage","rate":"2.9"}', ["/price/rate"]),
        ('{"model":"percentage","rate":"0.1","free_events":-1}', ["/price/free_events"]),
        ('{"model":"percentage","rate":"0.1","min_per_event":"2","max_per_event":"1"}', ["/price/max_per_event"]),
        ('{"model":"graduated_percentage","tiers":[{"up_to":null,"rate":"1.5"}]}', ["/price/tiers/0/rate"]),
        ('{"model":"dynamic","multiplier":"-1"}', ["/price/multiplier"]),
        (MATRIX + f"{CELL},{CELL}]}}", ["/price/cells/1/values"]),
        (MATRIX + '{"values":["x"],"unit_amount":"-1"}]}', ["/price/cells/0/values", "/price/cells/0/unit_amount"]),
        (MATRIX + '{"values":["x",3],"unit_amount":"1"}]}', ["/price/cells/0/values/1"]),
        ('{"model":"matrix","dimensions":["a","a"],"cells":[],"default_unit_amount":"1"}', ["/price/dimensions/1"]),
        ('{"model":"matrix","dimensions":[],"cells":[],"default_unit_amount":"1"}', ["/price/dimensions"]),
        ('{"model":"matrix","dimensions":["a"],"cells":[]}', ["/price/default_unit_amount"]),
        ('{"model":"rate_card","rules":[]}', ["/price/rules"]),
        (f'{{"model":"rate_card","rules":[{RULE},{RULE}]}}', ["/price/rules/1/range_start"]),
        ('{"model":"rate_card","rules":[{"metric":"","range_start":"-1"}]}',
         ["/price/rules/0/range_end"]),
        ('{"model":"flat","amount":"1","included_units":"-1","discount_percent":"101"}',
         ["/price/included_units", "/price/discount_percent"]),
        ('{"model":"flat","amount":"1","minimum_amount":"5","maximum_amount":"4"}', ["/price/maximum_amount"]),
        ('{"model":"flat","amount":"1","minimum_amount":"NaN","maximum_amount":"4"}', ["/price/minimum_amount"]),
    ],
)  # fmt: skip
def test_every_model_refuses_what_it_cannot_compute(definition: str, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        parse(definition)
    assert [field.pointer for field in refused.value.fields] == pointers


def test_a_matrix_of_too_many_cells_is_refused() -> None:
    cells = ",".join(f'{{"values":["{number}","y"],"unit_amount":"1"}}' for number in range(1001))
    with pytest.raises(Invalid) as refused:
        parse(MATRIX + cells + "]}")
    assert [field.pointer for field in refused.value.fields] == ["/price/cells"]


@pytest.mark.parametrize(
    ("currency", "definition", "pointers"),
    [
        ("JPY", '{"model":"flat","amount":"10.5"}', ["/price/amount"]),
        ("JPY", '{"model":"flat","amount":"10.00"}', []),
        ("JPY", '{"model":"per_unit","unit_amount":"0.05"}', []),
        ("EUR", '{"model":"flat","amount":"49.905"}', ["/price/amount"]),
        ("KWD", '{"model":"flat","amount":"49.905"}', []),
        ("EUR", '{"model":"percentage","rate":"0.1","fixed_amount":"0.0025"}', []),
        ("EUR", '{"model":"volume","tiers":[{"up_to":null,"flat_amount":"0.001"}]}', ["/price/tiers/0/flat_amount"]),
        ("EUR", '{"model":"dynamic","minimum_amount":"0.001","maximum_amount":"5.0001"}',
         ["/price/minimum_amount", "/price/maximum_amount"]),
    ],
)  # fmt: skip
def test_what_is_charged_as_it_stands_must_fit_the_currency(
    currency: str, definition: str, pointers: list[str]
) -> None:
    """ISO 4217: the yen has no minor unit, the euro has 2 digits, the Kuwaiti dinar has 3."""
    assert parse(definition)
    found: list[str] = []
    try:
        parse(definition, currency=currency)
    except Invalid as refused:
        found = [field.pointer for field in refused.fields]
    assert found == pointers


@pytest.mark.parametrize("kind", ["recurring", "one_off"])
def test_a_price_without_usage_cannot_have_a_model_that_prices_events(kind: str) -> None:
    with pytest.raises(Invalid) as refused:
        PriceChecks().check('{"model":"percentage","rate":"0.1"}', kind, "EUR", "/prices/0/price")
    assert [field.pointer for field in refused.value.fields] == ["/prices/0/price/model"]
    assert PriceChecks().check('{"model":"percentage","rate":"0.1"}', "usage", "EUR", "/price") == "percentage"
    assert PriceChecks().check('{"model":"package","package_size":5,"package_amount":9}', kind, "EUR", "") == "package"
