from collections.abc import Sequence
from typing import Any
from uuid import UUID

from corebilling.kernel.errors import FieldError
from corebilling.pricing.domain.pricelist import Draft, Meter, Offer, Terms, drafts
from corebilling.rating.checks import PriceChecks

METERS = {"calls": Meter(UUID(int=7), ("region",))}
FLAT = '{"model":"flat","amount":"10"}'
PER_UNIT = '{"model":"per_unit","unit_amount":"0.01"}'
EUR = Terms(("EUR",), "month", 1)


def offer(kind: Any = "recurring", definition: str = FLAT, name: str = "Base", **wanted: Any) -> Offer:
    return Offer(kind=kind, name=name, definitions=wanted.pop("definitions", {"EUR": definition}), **wanted)


def usage(definition: str = PER_UNIT, name: str = "Calls", **wanted: Any) -> Offer:
    return offer("usage", definition, name, **({"meter": "calls"} | wanted))


def listed(offers: Sequence[Offer], terms: Terms = EUR) -> tuple[list[Draft], list[FieldError]]:
    return drafts(offers, terms, METERS, PriceChecks())


def faults(*offers: Offer, terms: Terms = EUR) -> list[str]:
    return [fault.pointer for fault in listed(offers, terms)[1]]


def test_prices_keep_their_order_their_meter_and_their_exact_definition() -> None:
    (base, calls), wrong = listed([offer(), usage(unit="call")])
    assert not wrong
    assert (base.model, base.meter_id, base.definition, base.code) == ("flat", None, FLAT, "base")
    assert (calls.model, calls.meter_id, calls.definition, calls.code) == (
        "per_unit",
        METERS["calls"].meter_id,
        PER_UNIT,
        "calls",
    )


def test_everything_wrong_with_any_price_is_named_at_once() -> None:
    assert faults(
        offer(meter="calls"),
        usage(meter=None),
        usage(meter="unheard"),
        usage('{"model":"per_unit","unit_amount":"-1"}'),
        usage('{"model":"magic"}'),
    ) == [
        "/prices/0/meter",
        "/prices/1/meter",
        "/prices/2/meter",
        "/prices/3/price/unit_amount",
        "/prices/4/price/model",
    ]


def test_a_price_has_a_row_for_each_currency_under_one_code() -> None:
    terms = Terms(("EUR", "JPY"), "month", 1)
    made, wrong = listed([offer(definitions={"JPY": '{"model":"flat","amount":"980"}', "EUR": FLAT})], terms)
    assert not wrong
    assert [(price.code, price.currency) for price in made] == [("base", "EUR"), ("base", "JPY")]
    assert made[0].price_id != made[1].price_id


def test_a_price_that_lacks_a_currency_or_has_a_strange_one_is_pointed_at() -> None:
    terms = Terms(("EUR", "JPY"), "month", 1)
    yen = {"EUR": FLAT, "JPY": '{"model":"flat","amount":"9.80"}'}
    assert faults(offer(), terms=terms) == ["/prices/0/currencies/JPY"]
    assert faults(offer(definitions={**yen, "USD": FLAT}), terms=terms) == [
        "/prices/0/currencies/USD",
        "/prices/0/currencies/JPY/amount",
    ], "yen have no digits after the point"


def test_fees_have_models_that_a_quantity_alone_decides() -> None:
    matrix = (
        '{"model":"matrix","dimensions":["region"],"cells":[{"values":["eu"],"unit_amount":"1"}],'
        '"default_unit_amount":"2"}'
    )
    assert faults(offer(definition=matrix), offer("one_off", '{"model":"dynamic"}', "Setup")) == [
        "/prices/0/price/model",
        "/prices/1/price/model",
    ]
    assert faults(usage(matrix)) == []


def test_a_matrix_looks_only_at_what_its_meter_groups_by() -> None:
    matrix = '{"model":"matrix","dimensions":["region","tier"],"cells":[],"default_unit_amount":"2"}'
    _, (fault,) = listed([usage(matrix)])
    assert fault.pointer == "/prices/0/price"
    assert "looks at tier" in fault.detail
    assert "groups usage by region" in fault.detail


def test_only_a_recurring_price_has_a_timing_and_an_interval() -> None:
    assert faults(usage(timing="advance"), offer("one_off", name="Setup", interval="year", interval_count=2)) == [
        "/prices/0/timing",
        "/prices/1/interval",
        "/prices/1/interval_count",
    ]
    assert faults(usage(timing="arrears"), offer(timing="advance", interval="year")) == []


def test_two_prices_may_not_have_one_code() -> None:
    assert faults(offer(code="base"), offer(name="Seats", code="base")) == ["/prices/1/code"]
    (first, second), _ = listed([offer(), offer()])
    assert (first.code, second.code) == ("base", "base-2")
