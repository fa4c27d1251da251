"""The calendar of quotas and what a gate lets in, without a database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.party import Attribution
from corebilling.usage.domain.attribution import Owner
from corebilling.usage.domain.meter import Meter, MeterReading
from corebilling.usage.domain.normalise import UsageRow
from corebilling.usage.domain.quota import Gate, Quota, QuotaMode, QuotaPeriod, Used, crossed_by_change, span_of

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
CUSTOMER = uuid4()
SUBSCRIPTION = Attribution(uuid4(), "sub", CUSTOMER, "cust", NOW - timedelta(days=300), None)
OWNER = Owner(SUBSCRIPTION, SUBSCRIPTION.subscription_id.hex)
METER = Meter(uuid4(), "data", "sum", None, None)
READING = MeterReading(METER)


def _row(number: int, quantity: Decimal) -> UsageRow:
    key = UUID(int=number).hex
    return UsageRow(number, key, key, OWNER, READING, NOW, quantity, str(number), None, None, None, True, None)


def _quota(limit: str, mode: QuotaMode = "hard", *warn_at: str) -> Quota:
    thresholds = tuple(Decimal(at) for at in warn_at)
    return Quota(
        uuid4(), "customer", CUSTOMER, METER.id, "data", True, "month", "UTC", Decimal(limit), thresholds, mode
    )


def _gate(quota: Quota, used: str = "0") -> tuple[Gate, Used]:
    counter = Used(quota, span_of("month", "UTC", NOW), Decimal(used), 0, False, Decimal(used), 0)
    return Gate([counter], NOW), counter


@pytest.mark.parametrize(
    ("period", "zone", "at", "start", "end"),
    [
        ("month", "UTC", "2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("month", "Europe/Paris", "2026-03-31T21:59:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"),
        ("day", "America/New_York", "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),  # 23 hours
        ("day", "America/New_York", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),  # 25 hours
        ("day", "Asia/Beirut", "2026-03-29T09:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"),  # no midnight
        ("hour", "Asia/Kolkata", "2026-03-29T09:59:00Z", "2026-03-29T09:00:00Z", "2026-03-29T10:00:00Z"),
    ],
)
def test_periods_are_those_of_the_calendar(period: QuotaPeriod, zone: str, at: str, start: str, end: str) -> None:
    span = span_of(period, zone, datetime.fromisoformat(at))
    assert (span.start, span.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@given(
    st.integers(0, 60 * 366 * 1440).map(lambda minutes: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.sampled_from(["hour", "day", "month"]),
    st.sampled_from(
        ["UTC", "Europe/Paris", "Australia/Lord_Howe", "Pacific/Apia", "Atlantic/Azores", "America/Havana"]
    ),
)
def test_periods_have_no_gap_and_no_overlap(at: datetime, period: QuotaPeriod, zone: str) -> None:
    span = span_of(period, zone, at)
    assert span.start <= at < span.end
    assert span_of(period, zone, span.start) == span
    assert span_of(period, zone, span.end - timedelta(microseconds=1)) == span
    assert span_of(period, zone, span.end).start == span.end
    if period != "hour":
        assert span.start.astimezone(ZoneInfo(zone)).hour in (0, 1)


@given(st.lists(st.decimals(0, 50, places=2), max_size=30), st.integers(0, 200))
def test_a_hard_quota_never_holds_more_than_its_limit(quantities: list[Decimal], limit: int) -> None:
    gate, counter = _gate(_quota(str(limit)))
    rows = [_row(number, quantity) for number, quantity in enumerate(quantities)]
    gate.judge(rows, set())
    taken = [row for row in rows if row.key not in gate.refusals]
    assert counter.used == sum((row.quantity for row in taken), Decimal(0)) <= limit
    assert counter.refused == len(rows) - len(taken)
    assert counter.crosses_limit() == bool(gate.refusals)


@given(st.lists(st.lists(st.decimals(0, 20, places=1), max_size=6), max_size=12), st.sampled_from(["hard", "soft"]))
def test_each_threshold_and_the_limit_are_crossed_once(batches: list[list[Decimal]], mode: QuotaMode) -> None:
    quota = _quota("50", mode, "0.5", "0.8", "1")
    used, exceeded, told, times, number = Decimal(0), False, [], 0, 0
    for batch in batches:
        counter = Used(quota, span_of("month", "UTC", NOW), used, 0, exceeded, used, 0)
        gate = Gate([counter], NOW)
        gate.judge([_row(number := number + 1, quantity) for quantity in batch], set())
        told += counter.crossed()
        times += counter.crosses_limit()
        exceeded = exceeded or counter.crosses_limit()
        used = counter.used
    reached = [at for at in quota.warn_at if used >= at * 50]
    assert told == reached
    assert times == exceeded
    if mode == "soft":
        assert exceeded == (used > 50)


def test_what_is_known_or_comes_to_nothing_takes_no_room() -> None:
    gate, counter = _gate(_quota("3", "soft"))
    rows = [_row(1, Decimal(3)), _row(2, Decimal(2)), _row(3, Decimal(2))]
    gate.judge(rows, {rows[0].key})
    assert (counter.used, gate.over) == (Decimal(4), {rows[2].key})
    gate.forget({rows[1].key})
    assert (counter.used, gate.over) == (Decimal(2), set())
    assert counter.crossed() == []


def test_events_that_a_filter_leaves_out_take_no_room() -> None:
    gate, counter = _gate(_quota("0"))
    gate.judge([msgspec.structs.replace(_row(1, Decimal(3)), counted=False)], set())
    assert (counter.used, gate.refusals) == (Decimal(0), {})


def test_a_change_of_the_quota_crosses_what_it_puts_below_the_use() -> None:
    before = _quota("100", "hard", "0.5", "0.8")
    lowered = msgspec.structs.replace(before, limit=Decimal(60))
    assert crossed_by_change(before, lowered, Decimal(50)) == [Decimal("0.8")]
    assert crossed_by_change(lowered, before, Decimal(50)) == []
    more = msgspec.structs.replace(before, warn_at=(Decimal("0.2"), Decimal("0.8")))
    assert crossed_by_change(before, more, Decimal(50)) == [Decimal("0.2")]
