"""Percentages: rules that vendors' figures (test_vendor_figures.py) leave open. Figures are our own."""

from decimal import Decimal

import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.engine import formula, rate
from corebilling.rating.domain.price import parse


def used(*amounts: str) -> UsageFigures:
    events = tuple(map(Decimal, amounts))
    return UsageFigures(sum(events, Decimal(0)), len(events), amounts=events)


def price(fields: str = "") -> str:
    return f'{{"model":"percentage","rate":"0.10","fixed_amount":"1"{fields}}}'


def test_without_limits_the_total_and_the_number_of_events_are_enough() -> None:
    plain = parse(price())
    assert plain.detail == "total"
    assert rate(plain, UsageFigures(Decimal(250), 3)).amount == 28
    assert rate(plain, UsageFigures(Decimal(0))).amount == 0


def test_an_event_of_nothing_pays_its_fixed_amount() -> None:
    assert rate(parse(price()), used("0")).amount == 1


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        (',"free_events":1', "4"),  # 100 is free; 0 + 1, 20 + 1 less 1: (0 + 1) + (2 + 1)
        (',"free_amount":"100"', "4"),  # exactly used up by the first event, so the next pays
        (',"free_amount":"99.99"', "5.001"),  # the first event pays 0.001 and its whole fixed amount
        (',"free_events":2,"free_amount":"1000"', "3"),  # the events run out first
        (',"free_events":9,"free_amount":"100"', "4"),  # the amount runs out first
        (',"free_events":9,"free_amount":"110"', "2"),  # 10 of the last event are free too
        (',"free_events":0,"free_amount":"0"', "15"),  # no limits at all
    ],
)
def test_free_events_and_free_amount_end_together(fields: str, total: str) -> None:
    assert rate(parse(price(fields)), used("100", "0", "20")).amount == Decimal(total)


def test_an_event_that_is_wholly_free_is_not_raised_to_the_minimum() -> None:
    free = parse(price(',"free_events":1,"min_per_event":"5"'))
    assert rate(free, used("10")).amount == 0
    assert rate(free, used("10", "10")).amount == 5


def test_limits_hold_for_single_events_and_show_as_steps() -> None:
    derivation = rate(parse(price(',"min_per_event":"3","max_per_event":"10"')), used("10", "50", "500"))
    assert derivation.amount == 3 + 6 + 10
    assert formula(derivation) == "560 x 0.1 + 3 x 1 + 1 - 41 = 19"


def test_the_order_of_events_decides_which_are_free() -> None:
    free = parse(price(',"free_events":1'))
    assert rate(free, used("100", "20")).amount == 3
    assert rate(free, used("20", "100")).amount == 11


def test_included_units_take_whole_events_away_with_their_fixed_amounts() -> None:
    included = parse(price(',"included_units":"100"'))
    assert included.detail == "events"
    assert rate(included, used("60", "40", "50")).amount == 6
    assert rate(included, used("60", "60", "50")).amount == 2 + 1 + 5 + 1


def test_an_event_below_zero_is_refused_rather_than_priced() -> None:
    with pytest.raises(Invalid, match="below zero"):
        rate(parse(price(',"free_events":1')), used("10", "-5"))
