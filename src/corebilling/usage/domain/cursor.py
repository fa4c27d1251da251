"""Cursors through the events of a subscription, which are ordered by timestamp and key, not by an id."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from uuid import UUID

from corebilling.kernel.errors import invalid_field

Position = tuple[datetime, UUID]
"""Where an event stands in the list: its timestamp and its key."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT_BYTES = 8


def next_cursor(position: Position) -> str:
    """The cursor that continues after this event."""
    at, key = position
    instant = ((at - _EPOCH) // _MICROSECOND).to_bytes(_INSTANT_BYTES, signed=True)
    return base64.urlsafe_b64encode(instant + key.bytes).decode()


def after_event(cursor: str | None) -> Position | None:
    """The event to continue after; None for the first page. Raises `Invalid` for anything we didn't hand out."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        instant = int.from_bytes(raw[:_INSTANT_BYTES], signed=True)
        return _EPOCH + instant * _MICROSECOND, UUID(bytes=raw[_INSTANT_BYTES:])
    except (binascii.Error, UnicodeError, ValueError, OverflowError):
        raise invalid_field(
            "/query/cursor",
            "not a cursor of this list; send the `next_cursor` of the page before",
            code="invalid_cursor",
        ) from None
