"""Windows in which usage is shown to people: from minutes to months on the wall clock of a zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from corebilling.kernel.errors import invalid_field

Window = Literal["minute", "hour", "day", "week", "month", "total"]

HOUR = timedelta(hours=1)
"""The length of a rollup."""

_SECONDS: dict[Window, int] = {"minute": 60, "hour": 3_600}
_LEAST: dict[Window, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(minutes=30),
    "day": timedelta(hours=23),
    "week": timedelta(days=7) - timedelta(hours=1),
    "month": timedelta(days=28) - timedelta(hours=1),
}
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def bounds(start: datetime, end: datetime, window: Window, zone: ZoneInfo) -> list[datetime]:
    """The instants (UTC) between which the windows of `[start, end)` lie, `start` and `end` themselves first and last.

    Hours and minutes start where the zone's clock shows a full one, days at its midnight, weeks on Monday, months on the
    first. A day when the clocks change has 23, 25 or 24.5 hours. A midnight that the clocks skip is the instant
    when they do, one that they repeat counts the first time; a day that a zone left out has no window.
    """
    found = [start.astimezone(UTC)]
    last = end.astimezone(UTC)
    for at in _starts(found[0], window, zone):
        if at >= last:
            break
        if at > found[-1]:
            found.append(at)
    return [*found, last]


def _starts(after: datetime, window: Window, zone: ZoneInfo) -> Iterator[datetime]:
    if window == "total":
        return
    if window in _SECONDS:
        yield from _clock_starts(after, _SECONDS[window], zone)
        return
    day = after.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0, tzinfo=None)
    if window == "week":
        day -= timedelta(days=day.weekday())
    while True:
        if window == "month":
            day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        else:
            day += timedelta(days=7 if window == "week" else 1)
        yield day.replace(tzinfo=zone).astimezone(UTC)


def _clock_starts(after: datetime, seconds: int, zone: ZoneInfo) -> Iterator[datetime]:
    """By elapsed time to what the clock shows next as a full hour or minute; a change by half an hour ends one early."""
    at = after
    while True:
        local = at.astimezone(zone)
        past = (local.minute * 60 + local.second) % seconds
        at = at + timedelta(seconds=seconds - past) - timedelta(microseconds=local.microsecond)
        yield at


def cut_hours(bounds: list[datetime]) -> list[datetime]:
    """The hours (UTC) that a bound lies inside of: no rollup tells which side their events are on."""
    hours = {at: at.replace(minute=0, second=0, microsecond=0) for at in bounds}
    return sorted({hour for at, hour in hours.items() if hour != at})


def require_windows(start: datetime, end: datetime, window: Window, most: int) -> None:
    """Raises `Invalid` unless both instants are in order, of our time, and make at most so many windows."""
    for pointer, at in (("/query/from", start), ("/query/to", end)):
        if not EARLIEST <= at <= LATEST:
            raise invalid_field(pointer, "send an instant between 1970 and 9000")
    if end <= start:
        raise invalid_field("/query/to", "must be after `from`")
    if window != "total" and (end - start) / _LEAST[window] > most:
        raise invalid_field("/query/window", f"that makes more than {most} windows; ask for a coarser one or less time")
