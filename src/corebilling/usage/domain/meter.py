"""Meters: what an event counts for."""

from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec

from corebilling.usage.domain.event import Refusal, UsageEvent

Aggregation = Literal["count", "sum", "max", "unique_count"]

MAX_VALUE = Decimal(10**15)
MAX_DECIMALS = 12
MAX_UNIQUE_LENGTH = 255
_ONE = Decimal(1)
_SHORT = 14
"""Text of a number that is this short and not in scientific notation has at most 12 digits after the point."""


class Measured(msgspec.Struct, frozen=True, gc=False):
    """What a meter takes from one event."""

    quantity: Decimal
    unique_value: str | None = None


class Meter(msgspec.Struct, frozen=True):
    """What is counted, and how a window of it is summed up.

    `sum` and `max` take the event's `value`, or the number in its property `value_property`; `unique_count` counts the
    different values of its property `unique_property`; `count` counts events.
    """

    id: UUID
    code: str
    aggregation: Aggregation
    value_property: str | None
    unique_property: str | None


class PropertyReader:
    """Reads one property of a JSON object without building the others."""

    def __init__(self, name: str, kind: Any) -> None:
        struct = msgspec.defstruct("Properties", [("found", kind | None, None)], rename={"found": name})
        self._decode = msgspec.json.Decoder(struct).decode

    def read(self, properties: bytes | None) -> Any:
        """The property's value; None where it is absent or null. Raises ValidationError for another type."""
        found: Any = None if properties is None else self._decode(properties)
        return None if found is None else found.found


class MeterReading:
    """A meter made ready to measure many events."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.hex = meter.id.hex
        name = meter.value_property or meter.unique_property
        kind: Any = Decimal if meter.value_property else str | int | bool
        self._property = PropertyReader(name, kind) if name else None
        self._name = name

    def measure(self, event: UsageEvent, properties: bytes | None) -> Measured | Refusal:
        """What the event with these properties counts for, or why it can't be told."""
        aggregation = self.meter.aggregation
        if aggregation == "count":
            return Measured(_ONE)
        if self._property is None:
            return _checked(event.value, "/value", f"meter '{self.meter.code}' needs a `value`")
        pointer = f"/properties/{self._name}"
        try:
            found = self._property.read(properties)
        except msgspec.ValidationError:
            wanted = "a number" if aggregation != "unique_count" else "text, a whole number or a boolean"
            return Refusal("invalid_property", f"send {wanted} in the property '{self._name}'", pointer)
        missing = f"meter '{self.meter.code}' needs the property '{self._name}'"
        if aggregation == "unique_count":
            return _unique(found, missing, pointer)
        return _checked(found, pointer, missing)


def _unique(found: str | int | None, missing: str, pointer: str) -> Measured | Refusal:
    if found is None or found == "":
        return Refusal("missing_property", f"{missing}; add it", pointer)
    text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
    if len(text) > MAX_UNIQUE_LENGTH or "\x00" in text:
        detail = f"send at most {MAX_UNIQUE_LENGTH} characters, without the NUL character"
        return Refusal("invalid_property", detail, pointer)
    return Measured(_ONE, text)


def _checked(value: Decimal | None, pointer: str, missing: str) -> Measured | Refusal:
    """A number that can be stored and billed, as it is or with superfluous zeros dropped."""
    if value is None:
        code = "missing_value" if pointer == "/value" else "missing_property"
        return Refusal(code, f"{missing}; add it", pointer)
    if not value.is_finite():
        return Refusal("invalid_value", "send a finite number", pointer)
    if value < 0:
        return Refusal(
            "negative_value", "usage can't be negative; correct what was reported instead of subtracting", pointer
        )
    if value > MAX_VALUE:
        return Refusal("value_too_large", "send at most 1000000000000000 (10^15) in one event", pointer)
    if len(str(value)) > _SHORT or value.adjusted() < -6:
        value = value.normalize()
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
            return Refusal("value_too_precise", f"send at most {MAX_DECIMALS} digits after the point", pointer)
    return Measured(value)
