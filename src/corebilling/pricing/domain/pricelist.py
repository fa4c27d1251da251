"""From the prices of a plan as they were sent to what is published: every price is checked, and errors point at it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.ids import new_id

PriceKind = Literal["recurring", "usage"]

Check = Callable[[str, PriceKind, str, str], str]
"""(definition, kind, currency, pointer) -> model; raises `Invalid` with pointers."""


class Offer(msgspec.Struct, frozen=True):
    """A price as it was sent; `definition` is JSON."""

    kind: PriceKind
    name: str
    meter: str | None
    unit: str | None
    definition: str


class Draft(msgspec.Struct, frozen=True):
    """A price about to be published; `definition` is what was checked, digit for digit."""

    price_id: UUID
    offer: Offer
    meter_id: UUID | None
    model: str


def drafts(offers: Sequence[Offer], currency: str, meters: Mapping[str, UUID], check: Check) -> list[Draft]:
    """The offers as prices. Raises one `Invalid` that names everything wrong with any of them."""
    wrong: list[FieldError] = []
    priced: list[Draft] = []
    for n, offer in enumerate(offers):
        pointer = f"/prices/{n}"
        wrong += _meter_faults(offer, meters, pointer)
        try:
            model = check(offer.definition, offer.kind, currency, f"{pointer}/price")
        except Invalid as error:
            wrong += error.fields or [FieldError(f"{pointer}/price", error.message)]
            continue
        priced.append(Draft(new_id(), offer, meters.get(offer.meter) if offer.meter else None, model))
    if wrong:
        first = wrong[0]
        raise Invalid(f"the plan can't be published: {first.pointer} {first.detail}", code="invalid_plan", fields=wrong)
    return priced


def _meter_faults(offer: Offer, meters: Mapping[str, UUID], pointer: str) -> list[FieldError]:
    at = f"{pointer}/meter"
    if offer.kind == "recurring":
        return [FieldError(at, "a recurring price has no meter; leave it out")] if offer.meter is not None else []
    if offer.meter is None:
        return [FieldError(at, "a usage price needs a meter; send a meter's code")]
    if offer.meter not in meters:
        return [FieldError(at, f"there is no meter '{offer.meter}'; create it with POST /v1/meters first")]
    return []
