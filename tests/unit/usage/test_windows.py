"""Windows on wall clocks: no gap, no overlap, and days as long as they are."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.errors import Invalid
from corebilling.usage.domain.windows import Window, bounds, cut_hours, require_windows

HOUR = timedelta(hours=1)
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Paris",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
]
ZONES += ["America/Santiago", "America/Havana", "Africa/Casablanca"]


def _lengths(first: str, last: str, window: Window, zone: str) -> list[timedelta]:
    start, end = (datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in (first, last))
    found = bounds(start, end, window, ZoneInfo(zone))
    return [b - a for a, b in pairwise(found)]


@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [
        ("America/New_York", "2026-03-07", "2026-03-10", [24, 23, 24]),
        ("America/New_York", "2026-10-31", "2026-11-03", [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-04-04", "2026-04-07", [24, 24.5, 24]),
        ("Australia/Lord_Howe", "2026-10-03", "2026-10-06", [24, 23.5, 24]),
        ("Asia/Kolkata", "2026-03-07", "2026-03-09", [24, 24]),
        # Santiago's clocks skip midnight: the day starts when they do.
        ("America/Santiago", "2026-09-05", "2026-09-08", [24, 23, 24]),
        # Havana's show midnight twice: the day starts the first time.
        ("America/Havana", "2026-10-31", "2026-11-03", [24, 25, 24]),
        # Samoa left out 30 December 2011: that day has no window.
        ("Pacific/Apia", "2011-12-28", "2012-01-02", [24, 24, 24, 24]),
    ],
)
def test_days_are_as_long_as_the_zone_makes_them(zone: str, first: str, last: str, hours: list[float]) -> None:
    assert _lengths(first, last, "day", zone) == [timedelta(hours=n) for n in hours]


def test_hours_start_when_the_clock_shows_a_full_one() -> None:
    start = datetime(2026, 3, 7, 0, 10, tzinfo=UTC)
    assert bounds(start, start + 2 * HOUR, "hour", ZoneInfo("Asia/Kathmandu")) == [
        start,
        datetime(2026, 3, 7, 0, 15, tzinfo=UTC),
        datetime(2026, 3, 7, 1, 15, tzinfo=UTC),
        datetime(2026, 3, 7, 2, 10, tzinfo=UTC),
    ]
    # Lord Howe goes back by half an hour at two: half past one comes twice, and an hour of 30 minutes with it.
    lengths = _lengths("2026-04-05T00:00", "2026-04-05T04:00", "hour", "Australia/Lord_Howe")
    assert lengths == [HOUR, HOUR, HOUR / 2, HOUR, HOUR]


def test_weeks_start_on_monday_and_months_on_the_first() -> None:
    zone = ZoneInfo("Europe/Paris")
    start, end = datetime(2026, 3, 25, 9, tzinfo=zone), datetime(2026, 4, 8, tzinfo=zone)
    weeks = [at.astimezone(zone) for at in bounds(start, end, "week", zone)]
    assert [(at.day, at.hour) for at in weeks] == [(25, 9), (30, 0), (6, 0), (8, 0)]
    months = [at.astimezone(zone) for at in bounds(start, end, "month", zone)]
    assert [(at.month, at.day, at.hour) for at in months] == [(3, 25, 9), (4, 1, 0), (4, 8, 0)]


_INSTANTS = st.integers(0, 55 * 365 * 86_400).map(
    lambda seconds: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(
    _INSTANTS,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=3)),
    st.sampled_from(["minute", "hour", "day", "week", "month", "total"]),
    st.sampled_from(ZONES),
)
def test_windows_have_no_gap_and_no_overlap(start: datetime, length: timedelta, window: Window, zone: str) -> None:
    scale = {"day": 10, "week": 60, "month": 300}.get(window, 1)
    end = start + length * scale
    found = bounds(start, end, window, ZoneInfo(zone))
    assert (found[0], found[-1]) == (start, end)
    assert all(a < b for a, b in pairwise(found))
    for at in found[1:-1]:
        local = at.astimezone(ZoneInfo(zone))
        if window in ("day", "week", "month") and local.fold == 0:
            before = (at - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
            assert before.date() < local.date()
            assert window != "week" or local.weekday() == 0 or before.date() + timedelta(days=1) < local.date()
            assert window != "month" or local.day == 1
    assert all(
        hour < at < hour + HOUR for hour in cut_hours(found) for at in found if hour <= at < hour + HOUR and at != hour
    )


@pytest.mark.parametrize(
    ("start", "end", "window", "pointer"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "total", "/query/from"),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(9999, 1, 2, tzinfo=UTC), "total", "/query/to"),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "day", "/query/to"),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC), "minute", "/query/window"),
    ],
)
def test_questions_without_a_sane_answer_are_refused(
    start: datetime, end: datetime, window: Window, pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        require_windows(start, end, window, 10_000)
    assert refused.value.fields[0].pointer == pointer
