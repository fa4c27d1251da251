"""What meters take from an event, and which events they leave out."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.usage.domain.event import Refusal, UsageEvent
from corebilling.usage.domain.figures import quotient
from corebilling.usage.domain.meter import Filter, Measured, Meter, MeterReading

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def _measure(properties: str | None, value: str | None = "2", **meter: Any) -> Measured | Refusal:
    reading = MeterReading(Meter(uuid4(), "m", **({"aggregation": "sum"} | meter)))
    event = UsageEvent(id="e", meter="m", timestamp=NOW, value=None if value is None else Decimal(value))
    return reading.measure(event, properties.encode() if properties else None)


@pytest.mark.parametrize(
    ("properties", "passes"),
    [
        ('{"region": "eu", "size": 1.5}', True),
        ('{"region": "us", "size": "1.50"}', False),
        ('{"region": "us", "size": 1.50}', True),
        ('{"region": "us", "size": 15e-1}', True),
        ('{"region": "asia", "size": 1.5}', False),
        ('{"region": "eu", "size": true}', True),
        ('{"region": "eu", "size": -0.0}', True),
        ('{"region": "eu", "size": null}', False),
        ('{"region": "eu"}', False),
        ('{"region": ["eu"], "size": 1.5}', False),
        ('{"region": "eu", "size": 1e999999999}', False),
        ('{"region": "\\u0000", "size": 1.5}', False),
        (None, False),
    ],
)
def test_an_event_counts_if_it_passes_every_filter(properties: str | None, passes: bool) -> None:
    filters = (Filter("region", ("eu", "us")), Filter("size", ("1.5", "true", "0")))
    measured = _measure(properties, filters=filters)
    assert isinstance(measured, Measured)
    assert (measured.counted, measured.quantity) == ((True, 2) if passes else (False, 0))


def test_an_event_that_is_left_out_needs_no_value() -> None:
    filters = (Filter("region", ("eu",)),)
    assert _measure('{"region": "us"}', None, filters=filters) == Measured(Decimal(0), counted=False)
    refused = _measure('{"region": "eu"}', None, filters=filters)
    assert isinstance(refused, Refusal)
    assert refused.code == "missing_value"


@pytest.mark.parametrize(
    ("properties", "values"),
    [
        ('{"a": "x", "b": 10}', ("x", "10")),
        ('{"b": 1e1}', (None, "10")),
        ('{"a": "", "b": false}', ("", "false")),
        ('{"a": "caf\\u00e9", "b": null}', ("café", None)),
        (None, (None, None)),
    ],
)
def test_groups_are_told_apart_by_text(properties: str | None, values: tuple[str | None, ...]) -> None:
    measured = _measure(properties, group_by=("a", "b"))
    assert isinstance(measured, Measured)
    assert measured.group_values == values


@pytest.mark.parametrize("value", ['{"x": 1}', "[1]", '"' + "x" * 256 + '"', '"a\\u0000"', '"\\ud800"', "1e400"])
def test_what_can_name_no_group_is_refused(value: str) -> None:
    refused = _measure('{"a": ' + value + "}", group_by=("a",))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.pointer) == ("invalid_property", "/properties/a")


@given(
    st.dictionaries(st.sampled_from("abc"), st.text('a1é\x00"', max_size=5) | st.integers() | st.booleans() | st.none())
)
def test_every_scalar_is_a_group_or_refused(properties: dict[str, Any]) -> None:
    measured = _measure(msgspec.json.encode(properties).decode(), group_by=("a", "b"))
    if isinstance(measured, Measured):
        assert measured.group_values is not None
        for name, value in zip("ab", measured.group_values, strict=True):
            assert (value is None) == (properties.get(name) is None)


def test_only_changes_may_be_negative() -> None:
    assert _measure(None, "-2", aggregation="weighted_sum", weighted_by="change") == Measured(Decimal(-2))
    for meter in ({"aggregation": "weighted_sum", "weighted_by": "level"}, {"aggregation": "min"}):
        refused = _measure(None, "-2", **meter)
        assert isinstance(refused, Refusal)
        assert refused.code == "negative_value"
    refused = _measure(None, "-1000000000000001", aggregation="weighted_sum", weighted_by="change")
    assert isinstance(refused, Refusal)
    assert refused.code == "value_too_large"


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"),
    [
        ("1", 3, "0.333333333333333333"),
        ("2", 3, "0.666666666666666667"),
        ("-2", 3, "-0.666666666666666667"),
        ("1", 2 * 10**18, "0.000000000000000001"),
        ("10", 4, "2.5"),
        ("5000000000000000", 5, "1000000000000000"),
        ("7", 0, "0"),
    ],
)
def test_a_quotient_has_18_decimals(dividend: str, divisor: int, expected: str) -> None:
    assert format(quotient(Decimal(dividend), divisor), "f") == expected
