"""A contract's periods tile its time exactly, however its calendars change and wherever it ends."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from corebilling.kernel.contract import Calendar, Contract, Phase
from corebilling.kernel.period import Interval, period_at

ID = UUID("0196b5a0-0000-7000-8000-000000000001")
ZONES = ("UTC", "Pacific/Apia", "Australia/Lord_Howe", "America/New_York", "Africa/Cairo", "Asia/Kathmandu")
intervals: st.SearchStrategy[Interval] = st.sampled_from(["week", "month", "quarter", "year"])
cadences = st.tuples(intervals, st.integers(1, 3))
starts = st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - made UTC in the next line
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)
changes = st.lists(st.tuples(st.integers(1, 400 * 86400), cadences), max_size=4)


def contract(
    begins: datetime,
    zone: str,
    first: tuple[Interval, int],
    back: int,
    later: list[tuple[int, tuple[Interval, int]]],
    ends_at: datetime | None = None,
) -> Contract:
    """A contract whose first period began `back` seconds before billing, with calendars from each change on."""
    anchor = begins - timedelta(seconds=back)
    calendars = [Calendar(anchor, zone, *first, starts_at=begins)]
    at = begins
    for seconds, cadence in later:
        at += timedelta(seconds=seconds)
        last = calendars[-1]
        running = period_at(last.anchor_at, zone, last.interval, last.interval_count, at)
        cut = max(running.start, last.starts_at) < at
        index = last.first_index + running.index + (1 if cut else 0)
        calendars.append(Calendar(at, zone, *cadence, starts_at=at, first_index=index))
    phase = Phase(begins, ends_at, ID)
    return Contract(ID, ID, ID, ID, "EUR", tuple(calendars), (phase,), ends_at=ends_at)


@settings(max_examples=150, deadline=None)
@given(starts, st.one_of(st.sampled_from(ZONES), st.sampled_from(sorted(available_timezones()))), cadences,
       st.integers(0, 6 * 86400), changes)  # fmt: skip
def test_cut_periods_tile_exactly(
    begins: datetime,
    zone: str,
    first: tuple[Interval, int],
    back: int,
    later: list[tuple[int, tuple[Interval, int]]],
) -> None:
    held = contract(begins, zone, first, back, later)
    periods = [held.period(index) for index in range(held.calendars[-1].first_index + 40)]
    assert periods[0].start == held.starts_at == begins
    assert all(a.end == b.start for a, b in pairwise(periods))
    for each in periods:
        assert each.start < each.end
        whole = held.whole_period(each.index)
        assert whole.start <= each.start < each.end <= whole.end
        for at in (each.start, each.start + (each.end - each.start) / 2, each.end - timedelta(microseconds=1)):
            assert held.period_at(at) == each


@settings(max_examples=100, deadline=None)
@given(starts, st.sampled_from(ZONES), cadences, changes, st.integers(1, 900 * 86400))
def test_the_last_period_ends_with_the_contract(
    begins: datetime,
    zone: str,
    first: tuple[Interval, int],
    later: list[tuple[int, tuple[Interval, int]]],
    length: int,
) -> None:
    ends_at = begins + timedelta(seconds=length)
    kept: list[tuple[int, tuple[Interval, int]]] = []
    for change in later:
        if sum(seconds for seconds, _ in [*kept, change]) >= length:
            break
        kept.append(change)
    held = contract(begins, zone, first, 0, kept, ends_at)
    last = held.period_at(ends_at - timedelta(microseconds=1))
    assert last.end == ends_at
    assert [held.period(index).end <= ends_at for index in range(last.index + 1)] == [True] * (last.index + 1)
