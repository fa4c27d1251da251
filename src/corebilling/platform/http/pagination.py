"""Cursor pagination: newest first by UUIDv7 id, with cursors that say nothing to the caller.

A list handler asks for one item more than the limit; whether that one exists tells whether a next page does:

    rows = await edge.query(lambda tx: service.list(tx, edge.tenant_id, after=after_id(cursor), limit=limit + 1))
    return page(rows, limit, key=lambda row: row.id)
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from corebilling.kernel.errors import Invalid, invalid_field

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description=f"Items a page, at most {MAX_LIMIT}.")]
"""Type of the `limit` query parameter: `limit: Limit = DEFAULT_LIMIT`."""

Cursor = Annotated[str | None, QueryParameter(description="The `next_cursor` of the page before.")]
"""Type of the `cursor` query parameter: `cursor: Cursor = None`."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `next_cursor` is null on the last one."""

    data: list[T]
    next_cursor: str | None = None


def cursor_of(place: bytes) -> str:
    """The cursor that stands for a place in a list."""
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def place_of(cursor: str) -> bytes:
    """The place that a cursor stands for. Raises `Invalid` for text that is no cursor."""
    try:
        padding = b"=" * (-len(cursor) % 4)
        return base64.b64decode(cursor.encode("ascii") + padding, altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError, ValueError):
        raise bad_cursor() from None


def after_id(cursor: str | None) -> UUID | None:
    """The id to continue after; None for the first page. Raises `Invalid` for anything we didn't hand out."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=place_of(cursor))
    except ValueError:
        raise bad_cursor() from None


def page(items: Sequence[T], limit: int, key: Callable[[T], UUID]) -> Page[T]:
    """A page of up to `limit` of the items, which must be `limit + 1` where there are that many."""
    shown = list(items[:limit])
    return Page(shown, cursor_of(key(shown[-1]).bytes) if len(items) > limit else None)


def bad_cursor() -> Invalid:
    """What a list answers to a cursor that it didn't hand out."""
    return invalid_field(
        "/query/cursor", "not a cursor of this list; send the `next_cursor` of the page before", code="invalid_cursor"
    )
