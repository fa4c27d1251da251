"""Cycles follow each other without gap until the end; table, diagram and CHECK of their states agree."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from corebilling.scheduler.domain import states
from corebilling.scheduler.domain.cycle import Calendar, Cycle

ROOT = Path(__file__).resolve().parents[3]
TENANT, SUBSCRIPTION = UUID(int=1), UUID(int=2)


def first(*, ends_at: datetime | None = None, time_zone: str = "UTC") -> Cycle:
    calendar = Calendar(datetime(2026, 1, 31, tzinfo=UTC), time_zone, "month", 1, ends_at)
    return Cycle(TENANT, SUBSCRIPTION, UUID(int=3), calendar.period(0), calendar)


@pytest.mark.parametrize("time_zone", ["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
def test_the_next_cycle_starts_where_the_last_one_ends(time_zone: str) -> None:
    cycle = first(time_zone=time_zone)
    for number in range(40):
        following = cycle.next(UUID(int=number))
        assert following.period.start == cycle.period.end
        assert following.period.index == cycle.period.index + 1
        cycle = following


def test_a_cycle_is_due_when_its_grace_has_passed() -> None:
    cycle = first()
    assert cycle.due_at(timedelta(hours=1)) == cycle.period.end + timedelta(hours=1)


def test_the_last_cycle_is_the_one_that_reaches_the_end() -> None:
    end = first().period.end
    assert first(ends_at=end).is_last
    assert not first(ends_at=end + timedelta(microseconds=1)).is_last
    assert not first().is_last


def test_a_cycle_that_starts_at_the_end_does_not_count() -> None:
    ended = first(ends_at=first().period.end)
    assert not ended.is_beyond_end
    assert ended.next(UUID(int=4)).is_beyond_end


def test_table_diagram_and_check_agree() -> None:
    readme = (ROOT / "src/corebilling/scheduler/README.md").read_text()
    diagram = readme.split("stateDiagram-v2", 1)[1].split("```", 1)[0]
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)", diagram, re.MULTILINE))
    schema = (ROOT / "sql/schema/scheduler/0001_scheduler.expand.sql").read_text()
    checked = re.search(r"state text NOT NULL CHECK \(state IN \(([^)]*)\)", schema)
    assert checked is not None
    assert {(before, after) for before, afters in states.MOVES.items() for after in afters} == drawn
    assert set(states.MOVES) == set(get_args(states.CycleState)) == set(re.findall(r"'(\w+)'", checked[1]))
