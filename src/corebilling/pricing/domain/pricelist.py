"""From the prices of a plan as they were sent to what is published: every price is checked, and errors point at it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.ids import new_id
from corebilling.kernel.period import Interval
from corebilling.kernel.plan import PriceKind, Timing
from corebilling.pricing.domain.cadence import every
from corebilling.pricing.domain.price_code import codes
from corebilling.pricing.domain.selling import currency_mismatches


class Checks(Protocol):
    """What rating says of a definition: its model, or `Invalid` with pointers; and the properties of events it looks at."""

    def check(self, definition: str, kind: PriceKind, currency: str, pointer: str) -> str: ...

    def group_by(self, definition: str) -> tuple[str, ...]: ...


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A price as it was sent; `definitions` is JSON for each currency, the plan's own first."""

    kind: PriceKind
    name: str
    definitions: Mapping[str, str]
    code: str | None = None
    meter: str | None = None
    unit: str | None = None
    timing: Timing | None = None
    interval: Interval | None = None
    interval_count: int | None = None
    product: str | None = None
    tax_category: str | None = None


class Terms(msgspec.Struct, frozen=True):
    """What all prices of a plan share. `currencies` has the plan's own first."""

    currencies: tuple[str, ...]
    interval: Interval
    interval_count: int


class Meter(msgspec.Struct, frozen=True):
    """A meter that prices may be on; `dimensions` are the properties that it tells usage apart by."""

    meter_id: UUID
    dimensions: tuple[str, ...]


class Draft(msgspec.Struct, frozen=True):
    """A price about to be published, in one currency; `definition` is what was checked, digit for digit."""

    price_id: UUID
    code: str
    currency: str
    offer: Offer
    meter_id: UUID | None
    every: int
    model: str
    definition: str

    @property
    def timing(self) -> Timing:
        """Fees come after their period unless asked for ahead; usage can't but."""
        return self.offer.timing or "arrears"


def drafts(
    offers: Sequence[Offer], terms: Terms, meters: Mapping[str, Meter], checks: Checks
) -> tuple[list[Draft], list[FieldError]]:
    """The offers as prices, one for each currency, and everything that is wrong with any of them."""
    named = codes([(offer.code, offer.name) for offer in offers])
    wrong = [
        FieldError(f"/prices/{n}/code", f"'{code}' names another price of this plan already; send another code")
        for n, code in enumerate(named)
        if code in named[:n]
    ]
    made: list[Draft] = []
    for n, (code, offer) in enumerate(zip(named, offers, strict=True)):
        pointer = f"/prices/{n}"
        wrong += _meter_faults(offer, meters, pointer)
        wrong += _misplaced(offer, pointer)
        wrong += [
            FieldError(f"{pointer}/currencies/{currency}", detail)
            for currency, detail in currency_mismatches(offer.definitions, terms.currencies)
        ]
        times, faults = _times(offer, terms, pointer)
        wrong += faults
        meter = meters.get(offer.meter) if offer.meter else None
        for currency in terms.currencies:
            if currency not in offer.definitions:
                continue
            definition = offer.definitions[currency]
            at = f"{pointer}/price" if currency == terms.currencies[0] else f"{pointer}/currencies/{currency}"
            try:
                model = checks.check(definition, offer.kind, currency, at)
            except Invalid as error:
                wrong += error.fields or [FieldError(at, error.message)]
                continue
            wrong += _group_faults(offer, checks.group_by(definition), meter, at)
            price_id, meter_id = new_id(), meter.meter_id if meter else None
            made.append(Draft(price_id, code, currency, offer, meter_id, times, model, definition))
    return made, wrong


def _meter_faults(offer: Offer, meters: Mapping[str, Meter], pointer: str) -> Iterator[FieldError]:
    at = f"{pointer}/meter"
    if offer.kind != "usage":
        if offer.meter is not None:
            yield FieldError(at, f"a {offer.kind} price has no meter; leave it out")
    elif offer.meter is None:
        yield FieldError(at, "a usage price needs a meter; send a meter's code")
    elif offer.meter not in meters:
        yield FieldError(at, f"there is no meter '{offer.meter}'; create it with POST /v1/meters first")


def _misplaced(offer: Offer, pointer: str) -> Iterator[FieldError]:
    """Fields that only recurring prices have."""
    if offer.kind == "recurring":
        return
    if offer.timing is not None and (offer.kind, offer.timing) != ("usage", "arrears"):
        reason = "usage is billed after its period" if offer.kind == "usage" else "it is billed once, when it begins"
        yield FieldError(f"{pointer}/timing", f"only a recurring price can be billed ahead: {reason}; leave it out")
    for field, value in (("interval", offer.interval), ("interval_count", offer.interval_count)):
        if value is not None:
            yield FieldError(f"{pointer}/{field}", "only a recurring price has an interval of its own; leave it out")


def _times(offer: Offer, terms: Terms, pointer: str) -> tuple[int, Sequence[FieldError]]:
    if offer.kind != "recurring":
        return 1, ()
    try:
        return every(offer.interval, offer.interval_count, terms.interval, terms.interval_count, pointer), ()
    except Invalid as error:
        return 1, error.fields


def _group_faults(offer: Offer, properties: Sequence[str], meter: Meter | None, pointer: str) -> Iterator[FieldError]:
    missing = [name for name in properties if meter is not None and name not in meter.dimensions]
    if missing and meter is not None:
        known = ", ".join(meter.dimensions) or "nothing"
        detail = f"looks at {', '.join(missing)}, but the meter '{offer.meter}' groups usage by {known}"
        yield FieldError(pointer, f"{detail}; create a meter with these in its group_by")
