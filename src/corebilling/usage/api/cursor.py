"""Cursors through the events of a subscription, which are ordered by timestamp and key, not by an id."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from corebilling.platform.http import bad_cursor, cursor_of, place_of
from corebilling.usage.reading import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT_BYTES = 8


def next_cursor(position: Position) -> str:
    """The cursor that continues after this event."""
    at, key = position
    return cursor_of(((at - _EPOCH) // _MICROSECOND).to_bytes(_INSTANT_BYTES, signed=True) + key.bytes)


def after_event(cursor: str | None) -> Position | None:
    """The event to continue after; None for the first page. Raises `Invalid` for anything we didn't hand out."""
    if cursor is None:
        return None
    place = place_of(cursor)
    try:
        instant = int.from_bytes(place[:_INSTANT_BYTES], signed=True)
        return _EPOCH + instant * _MICROSECOND, UUID(bytes=place[_INSTANT_BYTES:])
    except (ValueError, OverflowError):
        raise bad_cursor() from None
