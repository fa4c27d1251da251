"""Cycles follow each other without gap until the end."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from corebilling.kernel.contract import Calendar
from corebilling.scheduler.domain.cycle import Cycle, Together, together
from corebilling.scheduler.domain.schedule import Newest, Schedule, step

TENANT, SUBSCRIPTION, GROUP = UUID(int=1), UUID(int=2), UUID(int=9)
GRACE = timedelta(hours=1)
ANCHOR = datetime(2026, 1, 31, tzinfo=UTC)


def monthly(*, time_zone: str = "UTC", starts_at: datetime = ANCHOR) -> Calendar:
    return Calendar(ANCHOR, time_zone, "month", 1, starts_at=starts_at)


def first(*, ends_at: datetime | None = None, time_zone: str = "UTC", group_key: UUID | None = None) -> Cycle:
    schedule = Schedule((monthly(time_zone=time_zone),), ends_at, group_key)
    period = schedule.period(0)
    assert period is not None
    return Cycle(TENANT, SUBSCRIPTION, UUID(int=3), period, schedule, period.end + GRACE, group_key)


@pytest.mark.parametrize("time_zone", ["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
def test_the_next_cycle_starts_where_the_last_one_ends(time_zone: str) -> None:
    cycle = first(time_zone=time_zone)
    for number in range(40):
        following = cycle.next(UUID(int=number), GRACE)
        assert following.period.start == cycle.period.end
        assert following.period.index == cycle.period.index + 1
        assert following.due_at == following.period.end + GRACE
        cycle = following


def test_the_last_cycle_is_the_one_that_reaches_the_end() -> None:
    end = first().period.end
    assert first(ends_at=end).is_last
    assert not first(ends_at=end + timedelta(microseconds=1)).is_last
    assert not first().is_last


def test_cycles_go_on_in_the_calendar_that_follows() -> None:
    """Monthly from 31 January; on 10 March the subscription moves to a yearly plan."""
    change = datetime(2026, 3, 10, tzinfo=UTC)
    yearly = Calendar(change, "UTC", "year", 1, starts_at=change, first_index=2)
    schedule = Schedule((monthly(), yearly), datetime(2028, 5, 1, tzinfo=UTC))
    periods = [schedule.period(index) for index in range(6)]
    assert [(p.start.date().isoformat(), p.end.date().isoformat()) for p in periods if p] == [
        ("2026-01-31", "2026-02-28"),
        ("2026-02-28", "2026-03-10"),
        ("2026-03-10", "2027-03-10"),
        ("2027-03-10", "2028-03-10"),
        ("2028-03-10", "2028-05-01"),
    ]
    assert periods[5] is None


def monthly_cycle(index: int, *, is_open: bool = True) -> Newest:
    period = Schedule((monthly(),)).period(index)
    assert period is not None
    return Newest(period, period.end + GRACE, is_open, None)


def test_a_schedule_that_is_as_before_moves_nothing() -> None:
    assert step(Schedule((monthly(),)), monthly_cycle(3), GRACE) is None


def test_an_end_within_the_open_cycle_cuts_it_and_taking_it_back_restores_it() -> None:
    end = datetime(2026, 2, 10, tzinfo=UTC)
    cut = step(Schedule((monthly(),), end), monthly_cycle(0), GRACE)
    assert cut is not None
    assert (cut.what, cut.period.end, cut.due_at) == ("move", end, end + GRACE)
    restored = step(Schedule((monthly(),)), Newest(cut.period, cut.due_at, True, None), GRACE)
    assert restored is not None
    assert restored.period == monthly_cycle(0).period


def test_a_trial_that_ends_at_another_time_moves_the_first_cycle() -> None:
    sooner = datetime(2026, 1, 20, tzinfo=UTC)
    moved = step(Schedule((Calendar(sooner, "UTC", "month", 1, starts_at=sooner),)), monthly_cycle(0), GRACE)
    assert moved is not None
    assert (moved.what, moved.period.start, moved.period.end) == ("move", sooner, datetime(2026, 2, 20, tzinfo=UTC))


def test_a_first_period_begins_where_billing_does_and_ends_where_its_anchor_says() -> None:
    starts = datetime(2026, 2, 10, tzinfo=UTC)
    opened = step(Schedule((monthly(starts_at=starts),)), None, GRACE)
    assert opened is not None
    assert (opened.what, opened.period.start, opened.period.index) == ("open", starts, 0)
    assert opened.period.end == monthly_cycle(0).period.end


def test_an_open_cycle_after_the_end_falls_due_at_once_to_be_dropped() -> None:
    end = monthly_cycle(0).period.end
    dropped = step(Schedule((monthly(),), end, GROUP), monthly_cycle(1), GRACE)
    assert dropped is not None
    assert (dropped.period, dropped.due_at, dropped.group_key) == (monthly_cycle(1).period, end, None)
    assert step(Schedule((monthly(),), end), monthly_cycle(0, is_open=False), GRACE) is None


def test_taking_an_end_back_opens_the_cycle_after_the_last_one() -> None:
    opened = step(Schedule((monthly(),)), monthly_cycle(4, is_open=False), GRACE)
    assert opened is not None
    assert (opened.what, opened.period) == ("open", monthly_cycle(5).period)


def test_without_a_calendar_nothing_is_opened() -> None:
    assert step(Schedule(()), None, GRACE) is None
    assert step(Schedule((), datetime(2026, 1, 1, tzinfo=UTC)), None, GRACE) is None


def test_cycles_of_one_key_that_fall_due_together_are_a_group_and_one_alone_is_none() -> None:
    ids = iter(UUID(int=n) for n in range(100, 200))
    pair = [first(group_key=GROUP), first(group_key=GROUP)]
    other = msgspec.structs.replace(first(group_key=GROUP), due_at=datetime(2026, 5, 1, tzinfo=UTC))
    assert together([*pair, other, first()], lambda: next(ids)) == [
        Together(UUID(int=100), 2), Together(UUID(int=100), 2), None, None,
    ]  # fmt: skip
