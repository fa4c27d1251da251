"""UUIDv7 ids (RFC 9562): sortable by creation time, so a day's partition is a range of ids."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """A new UUIDv7. Ids come from the wall clock also where a tenant's test clock runs elsewhere."""
    return uuid7()


def first_id_at(at: datetime) -> UUID:
    """The smallest UUIDv7 of an instant: the lower bound of everything created from then on."""
    unix_ms = int(at.timestamp() * 1000)
    return UUID(int=(unix_ms << 80) | (0x7 << 76) | (0x8 << 60))


def made_at(id_: UUID) -> datetime:
    """The wall clock's instant at which a UUIDv7 was made, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=id_.int >> 80)
