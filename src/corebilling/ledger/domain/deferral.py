"""Straight-line revenue: what each month earns of an amount that was billed for a stretch of days."""

from datetime import UTC, date, datetime

import msgspec

from corebilling.kernel.journal import Deferral
from corebilling.kernel.period import zone


class MonthShare(msgspec.Struct, frozen=True):
    """What a month earns: `month` is its first day, `due_at` the instant at which it ends. Never 0."""

    month: date
    due_at: datetime
    amount_minor: int


def shares(deferral: Deferral, effective_at: datetime, time_zone: str) -> list[MonthShare]:
    """The deferral by months of the tenant's zone, in their order; they add up to its amount.

    Every local day of `[starts_at, ends_at)` earns the same, rounded so that what was earned up to any day is off by half a
    minor unit at most. Days of months before `effective_at` are earned in its month: nothing was posted until then.
    """
    first, last = _day(deferral.starts_at, time_zone), _day(deferral.ends_at, time_zone)
    days = max(1, (last - first).days)
    earliest = _day(effective_at, time_zone).replace(day=1)
    month, earned, found = first.replace(day=1), 0, []
    while earned_days(first, month, days) < days:
        following = next_month(month)
        if following > earliest:
            total = _earned(deferral.amount_minor, earned_days(first, following, days), days)
            if total != earned:
                found.append(MonthShare(month, start_of(following, time_zone), total - earned))
                earned = total
        month = following
    if earned != deferral.amount_minor:
        found.append(MonthShare(earliest, start_of(next_month(earliest), time_zone), deferral.amount_minor - earned))
    return found


def earned_days(first: date, before: date, days: int) -> int:
    """How many of the `days` from `first` on lie before a day."""
    return min(max((before - first).days, 0), days)


def month_of(at: datetime, time_zone: str) -> date:
    """The first day of the local month that holds an instant."""
    return _day(at, time_zone).replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def start_of(day: date, time_zone: str) -> datetime:
    """The instant, in UTC, at which a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone(time_zone)).astimezone(UTC)


def _day(at: datetime, time_zone: str) -> date:
    return at.astimezone(zone(time_zone)).date()


def _earned(amount_minor: int, days: int, of: int) -> int:
    """Rounded half away from zero, so that an amount and its negation stay each other's."""
    size = (2 * abs(amount_minor) * days + of) // (2 * of)
    return size if amount_minor >= 0 else -size
