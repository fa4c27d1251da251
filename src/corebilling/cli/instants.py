"""Instants as they are typed on a command line."""

from datetime import UTC, datetime


def in_utc(typed: datetime) -> datetime:
    """The same instant in UTC. What names no offset is meant in UTC; `+02:00` is respected."""
    return typed.replace(tzinfo=UTC) if typed.tzinfo is None else typed.astimezone(UTC)
