"""Items, add-ons and moments out of requests, with the place where each stands."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from corebilling.kernel.errors import invalid_field
from corebilling.subscription.domain.agreement import ItemChange
from corebilling.subscription.domain.catalog import AddOn
from corebilling.subscription.schemas import AddOnIn, Instant, ItemIn


def item_changes(wanted: Sequence[ItemIn], pointer: str) -> tuple[ItemChange, ...]:
    """Items of the plan as they are wanted."""
    return tuple(
        ItemChange(item.price, item.quantity, _definition(item.definition), f"{pointer}/items/{number}")
        for number, item in enumerate(wanted)
    )


def add_ons(wanted: Sequence[AddOnIn], pointer: str) -> tuple[AddOn, ...]:
    """Prices of other plans as they are wanted."""
    found = []
    for number, item in enumerate(wanted):
        definition = _definition(item.definition)
        where = f"{pointer}/add_ons/{number}"
        found.append(AddOn(item.price, item.quantity, None if definition is UNSET else definition, where))
    return tuple(found)


def moment(sent: str, *words: str) -> str | datetime:
    """`at` of an order: one of the words, or an instant. Raises `Invalid` for anything else."""
    if sent in words:
        return sent
    try:
        return msgspec.convert(sent, Instant)
    except msgspec.ValidationError:
        allowed = ", ".join(f'"{word}"' for word in words)
        raise invalid_field("/at", f"send {allowed}, or an instant such as 2026-05-01T00:00:00Z") from None


def _definition(sent: msgspec.Raw | UnsetType) -> str | UnsetType | None:
    """The definition without blanks, its numbers as they were sent."""
    if isinstance(sent, UnsetType):
        return UNSET
    if bytes(sent).strip() == b"null":
        return None
    return msgspec.json.format(bytes(sent), indent=-1).decode()
