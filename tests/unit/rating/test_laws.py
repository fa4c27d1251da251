"""Laws that hold for every price and every usage."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st
from price_strategies import Event, events, figures, models, plain_prices, prices, quantities, read

from corebilling.kernel.charge import Derivation
from corebilling.kernel.money import EXACT, MAX_MINOR, to_minor
from corebilling.rating.domain.amounts import sum_of
from corebilling.rating.domain.engine import minor_amount, of_quantity, rate, true_up_minor
from corebilling.rating.domain.price import MODELS
from corebilling.rating.preview import preview
from corebilling.rating.schemas.preview import PreviewRequest


def whole(derivation: Derivation) -> Decimal:
    return EXACT.add(derivation.amount, derivation.true_up)


def test_every_model_is_held_to_the_laws() -> None:
    assert set(models) == set(MODELS)


@given(prices, events)
def test_the_steps_add_up_to_the_amount(price: dict[str, Any], given_events: list[Event]) -> None:
    read_price = read(price)
    derivation = rate(read_price, figures(read_price, given_events))
    assert derivation.steps
    assert sum_of(step.amount for step in derivation.steps) == derivation.amount
    assert derivation.true_up >= 0
    for step in derivation.steps:
        assert EXACT.add(EXACT.multiply(step.quantity, step.unit_amount), step.flat_amount) == step.amount


@given(prices, quantities)
def test_the_steps_of_an_enormous_quantity_add_up_too(price: dict[str, Any], quantity: Decimal) -> None:
    derivation = rate(read(price), of_quantity(quantity))
    assert sum_of(step.amount for step in derivation.steps) == derivation.amount


@given(prices, events)
def test_the_amount_and_its_true_up_round_to_the_whole(price: dict[str, Any], given_events: list[Event]) -> None:
    read_price = read(price)
    derivation = rate(read_price, figures(read_price, given_events))
    assume(whole(derivation) < MAX_MINOR // 100)
    billed = minor_amount(derivation, "EUR") + true_up_minor(derivation, "EUR")
    assert billed == to_minor(whole(derivation), "EUR")


@given(prices, events)
def test_rating_again_bills_nothing_more(price: dict[str, Any], given_events: list[Event]) -> None:
    read_price = read(price)
    used = figures(read_price, given_events)
    first = rate(read_price, used)
    assume(first.amount < MAX_MINOR // 100)
    assert rate(read(price), used) == first
    again = rate(read_price, used, already_billed_minor=minor_amount(first, "EUR"))
    assert minor_amount(again, "EUR") == 0


@given(prices, events, st.randoms(use_true_random=False))
def test_amounts_do_not_depend_on_the_order_of_arrival(
    price: dict[str, Any], given_events: list[Event], random: Any
) -> None:
    """Events that share an instant are alike here; with real ones their ids break the tie."""
    distinct = [(number, amount, kind) for number, (_, amount, kind) in enumerate(given_events)]
    arrived = list(distinct)
    random.shuffle(arrived)
    read_price = read(price)
    assert rate(read_price, figures(read_price, arrived)) == rate(read_price, figures(read_price, distinct))


@given(prices, events, st.lists(st.integers(0, 12), max_size=3))
def test_splitting_a_period_into_batches_changes_nothing(
    price: dict[str, Any], given_events: list[Event], cuts: list[int]
) -> None:
    """Each batch is previewed after what came before it and was billed for it; the bills add up to that of the whole."""
    sent = [
        {"amount": str(amount), "properties": {} if kind is None else {"kind": kind}}
        for _, amount, kind in given_events
    ]

    def due(start: int, end: int, billed: Decimal) -> Decimal:
        request = {"currency": "EUR", "price": price, "events": sent[start:end]}
        if start:
            request["prior"] = {"events": sent[:start], "billed": format(billed, "f")}
        return Decimal(preview(msgspec.json.decode(msgspec.json.encode(request), type=PreviewRequest)).amount)

    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    billed = Decimal(0)
    for start, end in pairwise(places):
        billed = EXACT.add(billed, due(start, end, billed))
        assume(billed < 10**16)
    assert not sent or billed == due(0, len(sent), Decimal(0))


@given(models["graduated"], quantities)
def test_graduated_and_volume_agree_inside_the_first_tier(price: dict[str, Any], quantity: Decimal) -> None:
    first = price["tiers"][0]["up_to"]
    inside = quantity if first is None else min(quantity, Decimal(first))
    graduated, volume = read(price), read(price | {"model": "volume"})
    assert rate(graduated, of_quantity(inside)).amount == rate(volume, of_quantity(inside)).amount


@given(models["graduated"], quantities, quantities)
def test_more_usage_never_costs_less_under_graduated(price: dict[str, Any], one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    graduated = read(price)
    assert rate(graduated, of_quantity(less)).amount <= rate(graduated, of_quantity(more)).amount


@given(models["graduated"], quantities)
def test_tiers_split_the_quantity_without_remainder(price: dict[str, Any], quantity: Decimal) -> None:
    derivation = rate(read(price), of_quantity(quantity))
    assert sum_of(step.quantity for step in derivation.steps) == quantity


@given(plain_prices, events, st.data())
def test_modifiers_apply_in_their_order(price: dict[str, Any], given_events: list[Event], data: st.DataObject) -> None:
    """Whatever the model: what it makes of the usage, held between the limits, less the discount."""
    least, most = sorted(data.draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))))
    percent = data.draw(st.integers(0, 100))
    used = figures(read(price), given_events)
    bare = rate(read(price), used).amount
    limits = {"minimum_amount": least, "maximum_amount": most, "discount_percent": percent}
    modified = rate(read(price | limits), used)
    held = min(max(bare, Decimal(least)), Decimal(most))
    assert whole(modified) == EXACT.multiply(held, EXACT.scaleb(Decimal(100 - percent), -2))


@given(models["per_unit"], quantities, quantities)
def test_included_units_come_off_before_the_model(price: dict[str, Any], included: Decimal, used: Decimal) -> None:
    with_included = read(price | {"included_units": format(included, "f")})
    left = max(EXACT.subtract(used, included), Decimal(0))
    assert rate(with_included, of_quantity(used)).amount == rate(read(price), of_quantity(left)).amount
