"""When a customer's rate cards hold. A card without an end holds until the next one begins."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.errors import Conflict, FieldError, invalid_field


class Validity(msgspec.Struct, frozen=True):
    """A card that holds in `[valid_from, valid_until)`; an absent bound is open."""

    rate_card_id: UUID
    code: str
    valid_from: datetime | None
    valid_until: datetime | None


def check(customer: str | None, default: bool, valid_from: datetime | None, valid_until: datetime | None) -> None:
    """Raises `Invalid` unless the dates are a customer's card's, and in order."""
    if customer is not None and default:
        raise invalid_field(
            "/default", "the default card is for all customers; leave out either default or customer_id"
        )
    for pointer, bound in (("/valid_from", valid_from), ("/valid_until", valid_until)):
        if customer is None and bound is not None:
            raise invalid_field(pointer, "only a customer's card holds for a time; send customer_id, or leave it out")
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise invalid_field("/valid_until", "must lie after valid_from; the card holds until just before it")


def to_close(overlapping: Sequence[Validity], valid_from: datetime | None) -> Validity | None:
    """The card that ends where the new one begins: one without an end that began before. None where nothing is in the way.

    Raises `Conflict` where the new card would hold at the same time as one with an end, or as one that begins later.
    """
    if not overlapping:
        return None
    first = overlapping[0]
    begins_before = valid_from is not None and (first.valid_from is None or first.valid_from < valid_from)
    if len(overlapping) == 1 and first.valid_until is None and begins_before:
        return first
    detail = (
        f"the customer's rate card '{first.code}' holds {_text(first)}; "
        "choose dates that don't overlap it, or end it first"
    )
    raise Conflict(detail, code="rate_card_overlap", fields=[FieldError("/valid_from", detail)])


def check_end(card: Validity, at: datetime) -> None:
    """Raises `Invalid` unless the card can be made to end at that instant: after its start and not after its end."""
    if card.valid_from is not None and at <= card.valid_from:
        raise invalid_field("/valid_until", f"must lie after the card's start, {card.valid_from.isoformat()}")
    if card.valid_until is not None and at > card.valid_until:
        raise invalid_field(
            "/valid_until", f"the card ends earlier, {card.valid_until.isoformat()}; create another card"
        )


def _text(card: Validity) -> str:
    start = f"from {card.valid_from.isoformat()}" if card.valid_from else "from the beginning"
    return f"{start} until {card.valid_until.isoformat()}" if card.valid_until else f"{start} on"
