"""Periods: no gap and no overlap over 30 years, whatever the zone, the anchor and the interval."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corebilling.kernel.errors import Invalid
from corebilling.kernel.period import Interval, period, period_at, zone

ZONES = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "Antarctica/Troll",
]
PERIODS_IN_30_YEARS: dict[Interval, int] = {"week": 1566, "month": 360, "quarter": 120, "year": 30}

zones = st.one_of(st.sampled_from(ZONES), st.sampled_from(sorted(available_timezones())))
intervals = st.sampled_from(sorted(PERIODS_IN_30_YEARS))
any_anchor = st.datetimes(datetime(2000, 1, 1), datetime(2030, 12, 31))  # noqa: DTZ001 - wall time, its zone is drawn
month_end = st.builds(
    lambda year, month, day, hour: datetime(year, month, min(day, monthrange(year, month)[1]), hour, 30),  # noqa: DTZ001
    st.integers(2000, 2030),
    st.integers(1, 12),
    st.integers(28, 31),
    st.integers(0, 23),
)
anchors = st.one_of(any_anchor, month_end)


@settings(max_examples=120, deadline=None)
@example(datetime(2011, 11, 30, 12), "Pacific/Apia", "month", 1)  # noqa: DTZ001 - 30 Dec 2011 did not happen there
@example(datetime(2011, 12, 23), "Pacific/Apia", "week", 1)  # noqa: DTZ001
@example(datetime(2011, 9, 30), "Pacific/Apia", "quarter", 1)  # noqa: DTZ001
@example(datetime(2024, 2, 29), "Asia/Tokyo", "year", 1)  # noqa: DTZ001 - a leap day
@example(datetime(2026, 3, 5, 2, 15), "Australia/Lord_Howe", "month", 1)  # noqa: DTZ001 - clocks change by 30 minutes
@example(datetime(2026, 2, 8, 2, 30), "America/New_York", "month", 1)  # noqa: DTZ001 - skipped on 8 March
@given(anchors, zones, intervals, st.integers(1, 12))
def test_periods_have_no_gap_and_no_overlap(wall: datetime, name: str, interval: Interval, count: int) -> None:
    anchor = wall.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    end = anchor
    for index in range(PERIODS_IN_30_YEARS[interval] // count):
        current = period(anchor, name, interval, count, index)
        assert current.start == end
        assert current.end > current.start
        end = current.end


@settings(max_examples=200, deadline=None)
@given(anchors, zones, intervals, st.integers(1, 12), st.integers(0, 30 * 366 * 86400))
def test_every_instant_lies_in_the_period_that_is_found_for_it(
    wall: datetime, name: str, interval: Interval, count: int, seconds: int
) -> None:
    anchor = wall.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    at = anchor + timedelta(seconds=seconds)
    found = period_at(anchor, name, interval, count, at)
    assert found.start <= at < found.end
    assert found == period(anchor, name, interval, count, found.index)


@settings(max_examples=100, deadline=None)
@given(month_end, zones, st.integers(0, 359))
def test_the_anchor_day_is_kept_or_clamped_to_the_end_of_a_short_month(wall: datetime, name: str, index: int) -> None:
    anchor = wall.replace(tzinfo=ZoneInfo(name))
    local_day = anchor.astimezone(UTC).astimezone(ZoneInfo(name)).day
    start = period(anchor.astimezone(UTC), name, "month", 1, index).start.astimezone(ZoneInfo(name))
    clamped = min(local_day, monthrange(start.year, start.month)[1])
    # Where the clocks skip the wall time itself (a whole day in Apia, 2011), the start moves past the gap.
    assert start.day == clamped or not _exists(start.replace(day=clamped, hour=wall.hour, minute=wall.minute))


def _exists(local: datetime) -> bool:
    wall = local.replace(tzinfo=None, second=0, microsecond=0)
    back = local.replace(second=0, microsecond=0, fold=0).astimezone(UTC).astimezone(local.tzinfo)
    return back.replace(tzinfo=None) == wall


def test_an_anchor_on_the_31st_comes_back_after_short_months() -> None:
    anchor = datetime(2026, 1, 31, tzinfo=UTC)
    starts = [period(anchor, "UTC", "month", 1, index).start for index in range(4)]
    assert [(start.month, start.day) for start in starts] == [(1, 31), (2, 28), (3, 31), (4, 30)]


def test_a_period_over_a_clock_change_is_an_hour_shorter() -> None:
    anchor = datetime(2026, 3, 1, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    march = period(anchor, "America/New_York", "month", 1, 0)
    assert march.end - march.start == timedelta(days=31) - timedelta(hours=1)


def test_an_instant_before_the_anchor_is_refused() -> None:
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(Invalid):
        period_at(anchor, "UTC", "month", 1, anchor - timedelta(seconds=1))


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        zone(name)


@settings(max_examples=200, deadline=None)
@given(anchors, zones, intervals, st.integers(1, 12), st.integers(1, 60))
def test_a_period_depends_on_the_anchor_alone(
    wall: datetime, name: str, interval: Interval, count: int, index: int
) -> None:
    """On the wall clock the n-th start is the anchor's day and time moved by n intervals, whatever lies between."""
    anchor = wall.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    local = anchor.astimezone(ZoneInfo(name)).replace(tzinfo=None)
    if interval == "week":
        moved = local + timedelta(weeks=count * index)
    else:
        months = local.month - 1 + {"month": 1, "quarter": 3, "year": 12}[interval] * count * index
        year, month = local.year + months // 12, months % 12 + 1
        moved = local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))
    expected = moved.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    assert period(anchor, name, interval, count, index).start == expected


def test_a_day_that_never_was_in_apia_belongs_to_no_period_twice() -> None:
    anchor = datetime(2011, 9, 30, tzinfo=ZoneInfo("Pacific/Apia")).astimezone(UTC)
    last, first = period(anchor, "Pacific/Apia", "month", 1, 2), period(anchor, "Pacific/Apia", "month", 1, 3)
    assert last.end == first.start == datetime(2011, 12, 30, 10, tzinfo=UTC), (
        "midnight of the 31st, a moment after the 29th"
    )
    assert period(anchor, "Pacific/Apia", "month", 1, 4).start == datetime(2012, 1, 29, 10, tzinfo=UTC)


def test_lord_howe_changes_its_clocks_by_half_an_hour() -> None:
    anchor = datetime(2026, 4, 1, tzinfo=ZoneInfo("Australia/Lord_Howe")).astimezone(UTC)
    april = period(anchor, "Australia/Lord_Howe", "month", 1, 0)
    assert april.end - april.start == timedelta(days=30, minutes=30)


@pytest.mark.parametrize(
    "name",
    ["localtime", "posixrules", "Factory", "posix/Europe/Paris", "right/Europe/Paris", "Mars/Base", "", "../etc"],
)
def test_what_only_lies_beside_the_zones_is_none(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        zone(name)
    assert refused.value.code == "unknown_time_zone"
