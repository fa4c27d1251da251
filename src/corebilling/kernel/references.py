"""References: an id as text, or a tenant's own name for the thing. A name may look like an id, so the id is tried first."""

from collections.abc import Iterable
from uuid import UUID

_LENGTH = 36


def as_id(ref: str) -> UUID | None:
    """The reference as an id, if it has the form of one (8-4-4-4-12 hexadecimal digits)."""
    if len(ref) != _LENGTH or ref[8] != "-":
        return None
    try:
        return UUID(ref)
    except ValueError:
        return None


def as_ids(refs: Iterable[str]) -> list[UUID]:
    """Those of the references that may be ids."""
    return [found for ref in refs if (found := as_id(ref)) is not None]
