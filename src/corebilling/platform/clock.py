"""The wall clock."""

from datetime import UTC, datetime


def wall_clock() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)
