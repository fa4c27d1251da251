"""Billing periods: half-open `[start, end)`, each computed from the anchor, never from its predecessor.

An anchor on the 31st gives 31 Jan, 28 Feb, 31 Mar: the day is clamped where a month is short and comes
back where it isn't. Arithmetic happens on the wall clock of an IANA zone, so a period may last an hour
more or less where the clocks change; results are in UTC.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from corebilling.kernel.errors import invalid_field

Interval = Literal["week", "month", "quarter", "year"]

_MONTHS: dict[Interval, int] = {"month": 1, "quarter": 3, "year": 12}


class Period(msgspec.Struct, frozen=True, order=True):
    """The `index`-th period since the anchor, `[start, end)` in UTC."""

    start: datetime
    end: datetime
    index: int


_NO_ZONE = re.compile(r"localtime|posixrules|Factory|posix/.*|right/.*")
"""What zone databases hold besides: the host's own zone, which would bill otherwise on another host, and seconds that leap."""


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises `Invalid` for an unknown one, and for what only lies beside the zones."""
    try:
        found = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        found = None
    if found is None or _NO_ZONE.fullmatch(name):
        raise invalid_field(
            "/time_zone",
            f"'{name}' is not an IANA time zone; send a name such as Europe/Paris",
            code="unknown_time_zone",
        )
    return found


_FIRST_YEAR, _LAST_YEAR = 1970, 2100


def local_month(text: str, time_zone: str, pointer: str = "/period") -> tuple[datetime, datetime]:
    """`2026-01` in a zone as instants, `[start, end)` in UTC. Raises `Invalid` for what is no month; `pointer` names the field."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        first = date.max
    if not _FIRST_YEAR <= first.year <= _LAST_YEAR:
        raise invalid_field(pointer, f"'{text}' is no month; send one such as 2026-01")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    local = zone(time_zone)
    start, end = (datetime(day.year, day.month, 1, tzinfo=local).astimezone(UTC) for day in (first, following))
    return start, end


def boundary(anchor: datetime, time_zone: str, interval: Interval, count: int, index: int) -> datetime:
    """When period `index` starts (and `index - 1` ends), in UTC.

    `anchor` is an aware instant; its wall-clock day and time in `time_zone` repeat every `count` intervals.
    A wall time that the clocks skip is read with the offset before the jump, one that they repeat as the first (PEP 495, fold=0).
    """
    local = anchor.astimezone(zone(time_zone))
    wall = local.replace(tzinfo=None)
    if interval == "week":
        moved = wall + timedelta(weeks=count * index)
    else:
        months = wall.year * 12 + wall.month - 1 + _MONTHS[interval] * count * index
        year, month = divmod(months, 12)
        day = min(wall.day, monthrange(year, month + 1)[1])
        moved = wall.replace(year=year, month=month + 1, day=day)
    fold = local.fold if index == 0 else 0
    return moved.replace(tzinfo=local.tzinfo, fold=fold).astimezone(UTC)


def period(anchor: datetime, time_zone: str, interval: Interval, count: int, index: int) -> Period:
    """The `index`-th period (0 is the first)."""
    return Period(
        boundary(anchor, time_zone, interval, count, index),
        boundary(anchor, time_zone, interval, count, index + 1),
        index,
    )


def period_at(anchor: datetime, time_zone: str, interval: Interval, count: int, at: datetime) -> Period:
    """The period that holds the instant `at`, which must not be before the anchor."""
    if at < anchor:
        raise invalid_field("/at", "the instant lies before the first period; send one on or after the start")
    days = 7.0 * count if interval == "week" else 30.44 * _MONTHS[interval] * count
    index = max(0, int((at - anchor).total_seconds() / 86400 / days) - 1)
    while boundary(anchor, time_zone, interval, count, index + 1) <= at:
        index += 1
    while index and boundary(anchor, time_zone, interval, count, index) > at:
        index -= 1
    return period(anchor, time_zone, interval, count, index)
