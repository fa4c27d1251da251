"""Windows in which usage is shown to people: hours, days and months in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from corebilling.kernel.errors import invalid_field

Window = Literal["hour", "day", "month", "total"]

_LEAST: dict[Window, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=28)}


def boundary_after(start_at: datetime, window: Window) -> datetime:
    """When the window that starts at that instant ends. A total has no end of its own: ValueError."""
    if window == "month":
        return (start_at.replace(day=1) + timedelta(days=31)).replace(day=1)
    if window == "total":
        raise ValueError("a total ends where the question does")
    return start_at + _LEAST[window]


def require_aware(at: datetime | None, pointer: str) -> None:
    """Raises `Invalid` for an instant without offset."""
    if at is not None and at.tzinfo is None:
        raise invalid_field(pointer, "add the offset, such as Z for UTC")


def require_whole_hours(start: datetime, end: datetime, window: Window, most: int) -> None:
    """Raises `Invalid` unless both instants are aware, whole hours in UTC, in order, and make at most so many windows."""
    for pointer, at in (("/query/from", start), ("/query/to", end)):
        require_aware(at, pointer)
        if (at.astimezone(UTC).minute, at.second, at.microsecond) != (0, 0, 0):
            raise invalid_field(pointer, "usage is added up by the hour; send a whole hour in UTC")
    if end <= start:
        raise invalid_field("/query/to", "must be after `from`")
    if window != "total" and (end - start) / _LEAST[window] > most:
        raise invalid_field("/query/window", f"that makes more than {most} windows; ask for a coarser one or less time")
