"""The rules that an event has to pass, without a database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.party import Attribution
from corebilling.usage.domain.attribution import Owners
from corebilling.usage.domain.event import Refusal, UsageEvent
from corebilling.usage.domain.identity import event_body, event_key
from corebilling.usage.domain.meter import Meter, MeterReading
from corebilling.usage.domain.normalise import KEYS_KEPT, MAX_AGE, MAX_AHEAD, Normaliser, Surroundings, UsageRow
from corebilling.usage.domain.rollup import hour_totals, reported_series

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
OWNER = Attribution(uuid4(), "sub", uuid4(), "cust", NOW - timedelta(days=300), NOW + timedelta(days=1))
METER = Meter(uuid4(), "data", "sum", None, None)
NORMALISER = Normaliser(Surroundings(NOW, {"data": MeterReading(METER)}, Owners([OWNER])))


def _row(**change: object) -> UsageRow | Refusal:
    event = UsageEvent(id="e", meter="data", timestamp=NOW, subscription_id="sub", value=Decimal(1))
    for name, value in change.items():
        setattr(event, name, value)
    return NORMALISER.row(0, event)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (NOW - MAX_AGE, None),
        (NOW - MAX_AGE - timedelta(microseconds=1), "timestamp_too_old"),
        (NOW + MAX_AHEAD, None),
        (NOW + MAX_AHEAD + timedelta(microseconds=1), "timestamp_in_future"),
        (datetime.min.replace(tzinfo=UTC), "timestamp_too_old"),
        (datetime.max.replace(tzinfo=UTC), "timestamp_in_future"),
    ],
)
def test_only_timely_events_pass(at: datetime, code: str | None) -> None:
    row = _row(timestamp=at)
    assert (row.code if isinstance(row, Refusal) else None) == code


def test_no_retry_outlives_its_key() -> None:
    assert MAX_AGE + MAX_AHEAD < KEYS_KEPT


def test_a_subscription_owns_usage_from_its_start_and_before_its_end() -> None:
    ended = msgspec.structs.replace(OWNER, starts_at=NOW - timedelta(days=9), ends_at=NOW - timedelta(days=5))
    normaliser = Normaliser(Surroundings(NOW, {"data": MeterReading(METER)}, Owners([ended])))

    def passes(at: datetime) -> bool:
        event = UsageEvent(id="e", meter="data", timestamp=at, subscription_id="sub", value=Decimal(1))
        return isinstance(normaliser.row(0, event), UsageRow)

    assert passes(ended.starts_at)
    assert not passes(ended.starts_at - timedelta(microseconds=1))
    assert ended.ends_at is not None
    assert not passes(ended.ends_at)
    assert passes(ended.ends_at - timedelta(microseconds=1))


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_every_number_passes_or_is_refused_and_what_passes_fits(value: Decimal) -> None:
    row = _row(value=value)
    if isinstance(row, UsageRow):
        assert row.quantity == value
        assert 0 <= row.quantity <= 10**15
        assert row.quantity.as_tuple().exponent >= -12  # type: ignore[operator]


def test_names_with_shifted_borders_are_different() -> None:
    names = [("a", "bc"), ("ab", "c"), ("", "abc"), ("1:a", "b"), ("a 1:", "b")]
    assert len({event_key(source, event_id) for source, event_id in names}) == len(names)
    assert event_key(None, "x") == event_key("", "x")


@given(st.lists(st.tuples(st.text(max_size=8), st.text(min_size=1, max_size=8)), max_size=20, unique=True))
def test_different_names_have_different_keys(names: list[tuple[str, str]]) -> None:
    assert len({event_key(source, event_id) for source, event_id in names}) == len(names)


def test_the_body_is_what_is_billed_not_when() -> None:
    body = event_body("s" * 32, "m" * 32, "1", None, None)
    assert event_body("s" * 32, "m" * 32, "2", None, None) != body
    assert event_body("s" * 32, "m" * 32, "1", "u", None) != body
    assert event_body("s" * 32, "m" * 32, "1", None, b'{"a":1}') != body
    first, later = _row(), _row(timestamp=NOW - timedelta(days=1))
    assert isinstance(first, UsageRow)
    assert isinstance(later, UsageRow)
    assert (first.key, first.body) == (later.key, later.body)


@given(
    st.lists(
        st.tuples(st.integers(0, 7200), st.decimals(min_value=0, max_value=10**15, places=12, allow_nan=False)),
        min_size=1,
        max_size=30,
    )
)
def test_hour_totals_add_up_to_the_rows(events: list[tuple[int, Decimal]]) -> None:
    rows = [_row(timestamp=NOW - timedelta(seconds=seconds), value=value) for seconds, value in events]
    assert all(isinstance(row, UsageRow) for row in rows)
    totals = hour_totals(row for row in rows if isinstance(row, UsageRow))
    scale = 10**12
    assert sum(int(total.value_sum * scale) for total in totals) == sum(int(value * scale) for _, value in events)
    assert max(total.value_max for total in totals) == max(value for _, value in events)
    (series,) = reported_series(totals)
    assert series.count == len(events)
    assert series.last_at - series.first_at == timedelta(
        seconds=max(seconds for seconds, _ in events) - min(seconds for seconds, _ in events)
    )
