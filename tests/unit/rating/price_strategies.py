"""Prices, events and usage figures for properties, as callers might send them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import UsageFigures, UsageGroup
from corebilling.rating.domain.amounts import sum_of
from corebilling.rating.domain.price import Price, parse

Event = tuple[int, Decimal, str | None]
"""When, how much, and the value of its one property."""

amounts = st.decimals(min_value=0, max_value=10**9, places=6, allow_nan=False, allow_infinity=False)
quantities = st.decimals(min_value=0, max_value=10**15, places=6, allow_nan=False, allow_infinity=False)
payable = st.decimals(min_value=0, max_value=10**6, places=2, allow_nan=False, allow_infinity=False)
rates = st.decimals(min_value=0, max_value=1, places=4, allow_nan=False, allow_infinity=False)
sizes = st.integers(1, 10**6).map(Decimal)
events = st.lists(st.tuples(st.integers(0, 50), payable, st.sampled_from([None, "1", "20", "300"])), max_size=12)


def text(value: Decimal) -> str:
    return format(value, "f")


@st.composite
def tiers(draw: st.DrawFn, **fields: st.SearchStrategy[Decimal]) -> list[dict[str, Any]]:
    bounds = sorted(draw(st.sets(st.integers(1, 10**9), max_size=4)))
    return [
        {"up_to": bound, **{name: text(draw(values)) for name, values in fields.items()}} for bound in [*bounds, None]
    ]


@st.composite
def modifiers(draw: st.DrawFn) -> dict[str, str]:
    least, most = sorted((draw(payable), draw(payable)))
    every = {
        "included_units": text(draw(payable)),
        "minimum_amount": text(least),
        "maximum_amount": text(most),
        "discount_percent": text(EXACT.scaleb(draw(rates), 2)),
    }
    return {name: value for name, value in every.items() if draw(st.booleans())}


def definition(model: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"model": st.just(model), **fields})


per_unit_tiers = tiers(unit_amount=amounts, flat_amount=payable)
rules = st.builds(
    lambda base, each: [
        {"metric": "kind", "range_start": "0", "range_end": "20", "base_amount": text(base), "unit_amount": text(each)},
        {"metric": "kind", "range_start": "20", "range_end": None, "unit_amount": text(each)},
    ],
    payable,
    amounts,
)
cells = st.builds(
    lambda one, other: [
        {"values": ["1"], "unit_amount": text(one)},
        {"values": [None], "unit_amount": text(other)},
    ],
    amounts,
    amounts,
)
models: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "flat": definition("flat", amount=payable.map(text)),
    "per_unit": definition("per_unit", unit_amount=amounts.map(text)),
    "graduated": definition("graduated", tiers=per_unit_tiers),
    "volume": definition("volume", tiers=per_unit_tiers),
    "package": definition(
        "package",
        package_size=sizes.map(text),
        package_amount=amounts.map(text),
        free_units=payable.map(text),
        round=st.sampled_from(["up", "down"]),
    ),
    "percentage": definition(
        "percentage",
        rate=rates.map(text),
        fixed_amount=payable.map(text),
        free_events=st.integers(0, 4),
        free_amount=payable.map(text),
        min_per_event=st.one_of(st.none(), st.just("0.50")),
        max_per_event=st.one_of(st.none(), st.just("1000")),
    ),
    "graduated_percentage": definition("graduated_percentage", tiers=tiers(rate=rates, flat_amount=payable)),
    "dynamic": definition("dynamic", multiplier=rates.map(text)),
    "matrix": definition("matrix", dimensions=st.just(["kind"]), cells=cells, default_unit_amount=amounts.map(text)),
    "rate_card": definition("rate_card", rules=rules, order_amount=payable.map(text)),
}
plain_prices = st.sampled_from(sorted(models)).flatmap(lambda model: models[model])
prices = st.builds(lambda price, more: price | more, plain_prices, modifiers())


def read(price: dict[str, Any]) -> Price:
    return parse(msgspec.json.encode(price), currency="EUR")


def figures(price: Price, given: Sequence[Event]) -> UsageFigures:
    """What a sum meter makes of events: single ones by their own time, with their place breaking ties, groups by value."""
    ordered = sorted(given, key=lambda event: event[0])
    each = tuple(amount for _, amount, _ in ordered)
    groups: dict[tuple[str | None, ...], Decimal] = {}
    for _, amount, kind in ordered if price.group_by else ():
        groups[(kind,)] = EXACT.add(groups.get((kind,), Decimal(0)), amount)
    by_value = sorted(groups, key=lambda values: values[0] or "")
    return UsageFigures(sum_of(each), len(each), tuple(UsageGroup(v, groups[v]) for v in by_value), each)
