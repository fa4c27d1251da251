"""Previews: usage as a quantity or as events, after what was billed before, refused by the field."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from corebilling.kernel.errors import Invalid
from corebilling.rating.api.examples import EXAMPLES
from corebilling.rating.preview import preview
from corebilling.rating.schemas.preview import PreviewOut, PreviewRequest

PER_UNIT = {"model": "per_unit", "unit_amount": "0.10"}
PERCENTAGE = {"model": "percentage", "rate": "0.029", "fixed_amount": "0.30", "free_events": 1}
MATRIX = {
    "model": "matrix",
    "dimensions": ["region"],
    "cells": [{"values": ["eu"], "unit_amount": "2"}, {"values": ["7"], "unit_amount": "3"}],
    "default_unit_amount": "5",
}
CARD = {"model": "rate_card", "rules": [{"metric": "kg", "range_start": "0", "range_end": None, "unit_amount": "1"}]}


def tried(price: Any, currency: str = "USD", **usage: Any) -> PreviewOut:
    body = msgspec.json.encode({"currency": currency, "price": price, **usage})
    return preview(msgspec.json.decode(body, type=PreviewRequest))


def event(amount: str, **properties: Any) -> dict[str, Any]:
    return {"amount": amount, "properties": properties}


def test_the_answer_of_the_design() -> None:
    answer = tried({"model": "per_unit", "unit_amount": "0.102"}, quantity="250")
    assert (answer.amount, answer.amount_minor, answer.currency) == ("25.5", 2550, "USD")


def test_events_are_rated_one_by_one() -> None:
    assert tried(PERCENTAGE, events=[event("10"), event("100")]).amount == "3.2"


def test_a_quantity_is_one_event_without_properties() -> None:
    assert tried(PERCENTAGE | {"free_events": 0}, quantity="100").amount == "3.2"
    assert tried(MATRIX, quantity="2").amount == "10"
    assert tried(PERCENTAGE, quantity="0").amount == "0"


def test_properties_are_compared_as_text() -> None:
    assert tried(MATRIX, events=[event("1", region="eu"), event("1", region=7), event("1", region=None)]).amount == "10"
    assert tried(MATRIX, events=[event("1", region=True), event("1")]).amount == "10"


def test_what_was_billed_before_comes_off_and_tiers_do_not_restart() -> None:
    tiers = [{"up_to": "100", "unit_amount": "1", "flat_amount": "5"}, {"up_to": None, "unit_amount": "0.50"}]
    price = {"model": "graduated", "tiers": tiers}
    assert tried(price, quantity="60").amount == "65"
    after = tried(price, quantity="60", prior={"quantity": "60", "billed": "65"})
    assert (after.amount, after.amount_minor) == ("50", 5000)
    assert [(step.label, step.amount) for step in after.breakdown] == [
        ("up to 100", "105"),
        ("above 100", "10"),
        ("billed before", "-65"),
    ]


def test_allowances_and_minimum_do_not_restart_either() -> None:
    price = PER_UNIT | {"included_units": "100", "minimum_amount": "20"}
    first = tried(price, quantity="150")
    assert (first.amount, first.breakdown[-1].label) == ("20", "true-up to the minimum")
    assert tried(price, quantity="200", prior={"quantity": "150", "billed": "20"}).amount == "5"
    assert tried(PERCENTAGE, events=[event("100")], prior={"events": [event("10")]}).amount == "3.2"


def test_a_cheaper_tier_for_every_unit_gives_back() -> None:
    price = {"model": "volume", "tiers": [{"up_to": "10", "unit_amount": "10"}, {"up_to": None, "unit_amount": "1"}]}
    assert tried(price, quantity="1", prior={"quantity": "10", "billed": "100"}).amount_minor == -8900


def test_the_exact_amount_is_rounded_once_in_its_currency() -> None:
    price = {"model": "per_unit", "unit_amount": "0.0005"}
    assert tried(price, "KWD", quantity="1").amount_minor == 1
    assert tried(price, "EUR", quantity="10").amount_minor == 1
    assert tried(price, "JPY", quantity="999").amount_minor == 0


def test_ten_to_the_fifteenth_is_priced_to_the_last_digit() -> None:
    answer = tried({"model": "per_unit", "unit_amount": "0.000000000001"}, quantity="1000000000000000")
    assert (answer.amount, answer.amount_minor) == ("1000", 100000)


@pytest.mark.parametrize(
    ("usage", "pointers"),
    [
        ({}, ["/quantity"]),
        ({"quantity": "1", "events": []}, ["/events"]),
        ({"quantity": "-1"}, ["/quantity"]),
        ({"quantity": "1", "prior": {"quantity": "-1", "billed": "NaN"}}, ["/prior/quantity", "/prior/billed"]),
        ({"quantity": "1", "prior": {"quantity": "1", "events": []}}, ["/prior/events"]),
        ({"events": [event("1"), event("-1")]}, ["/events/1/amount"]),
        ({"events": [event("1e16")]}, ["/events/0/amount"]),
    ],
)
def test_usage_that_cannot_be_is_refused_by_field(usage: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        tried(PER_UNIT, **usage)
    assert [field.pointer for field in refused.value.fields] == pointers


@pytest.mark.parametrize(
    ("price", "usage", "pointer"),
    [
        (MATRIX, {"events": [event("1"), event("1", region={"a": 1})]}, "/events/1/properties/region"),
        (CARD, {"events": [event("1", kg="2"), event("1", kg="heavy")]}, "/events/1/properties/kg"),
        (CARD, {"quantity": "1", "prior": {"events": [event("1", kg=-1)]}}, "/prior/events/0/properties/kg"),
    ],
)
def test_a_property_that_chooses_no_price_is_refused_by_event(price: Any, usage: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        tried(price, **usage)
    assert [field.pointer for field in refused.value.fields] == [pointer]


def test_the_breakdown_adds_up_to_the_amount() -> None:
    price = PER_UNIT | {"included_units": "10", "maximum_amount": "5", "discount_percent": "10"}
    answer = tried(price, quantity="1000", prior={"quantity": "1", "billed": "1.50"})
    assert answer.amount == "3"
    assert sum(Decimal(step.amount) for step in answer.breakdown) == 3


def test_the_documented_requests_are_read_and_the_preview_of_them_answers() -> None:
    for kind, example in EXAMPLES.items():
        assert msgspec.json.decode(msgspec.json.encode(example), type=kind)
    answer = tried(**EXAMPLES[PreviewRequest])
    assert (answer.amount, answer.breakdown[-1].label) == ("140", "billed before")
