"""Instants that a caller may send: those that are one in UTC too.

An offset can carry the first and the last day of the calendar beyond it: no column and no computation takes them.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from corebilling.kernel.errors import invalid_field


def check_instant(value: datetime, pointer: str) -> None:
    """Raises `Invalid` for an instant before the year 1 or after the year 9999 in UTC. One without offset passes."""
    if value.tzinfo is None:
        return
    try:
        value.astimezone(UTC)
    except OverflowError:
        detail = "the instant lies outside the years 1 to 9999 of UTC; send one that lies within"
        raise invalid_field(pointer, detail, code="invalid_instant") from None


def check_parameter(value: datetime, pointer: str) -> None:
    """As `check_instant`; raises `Invalid` for one without offset too."""
    if value.tzinfo is None:
        raise invalid_field(pointer, "add the offset: an instant is written as 2026-01-31T00:00:00Z")
    check_instant(value, pointer)


def check_instants(value: Any, pointer: str = "") -> None:
    """`check_instant` for every instant inside a decoded body."""
    if isinstance(value, datetime):
        check_instant(value, pointer)
    elif isinstance(value, msgspec.Struct):
        for name, encoded in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            check_instants(getattr(value, name), f"{pointer}/{encoded}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_instants(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            check_instants(item, f"{pointer}/{name}")


def holds_instants(body_type: Any) -> bool:
    """Whether a type has an instant, which is one with an offset (`Meta(tz=True)`), anywhere inside."""
    return '"date-time"' in msgspec.json.encode(msgspec.json.schema(body_type)).decode()
