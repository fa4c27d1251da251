"""Meters: what an event counts for."""

from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec

from corebilling.usage.domain.event import Refusal, UsageEvent
from corebilling.usage.domain.properties import MAX_TEXT_LENGTH, LabelReader, PropertyReader, Unreadable

Aggregation = Literal["count", "sum", "max", "min", "avg", "unique_count", "latest", "weighted_sum", "percentile"]
WeightedBy = Literal["level", "change"]

NUMERIC: frozenset[str] = frozenset({"sum", "max", "min", "avg", "latest", "weighted_sum", "percentile"})
"""Aggregations of numbers: of the event's `value`, or of a property."""

MAX_VALUE = Decimal(10**15)
MAX_DECIMALS = 12
_ONE = Decimal(1)
_SHORT = 14
"""Text of a number that is this short and not in scientific notation has at most 12 digits after the point."""


class Measured(msgspec.Struct, frozen=True, gc=False):
    """What a meter takes from one event. `group_values` are None for a meter that doesn't group."""

    quantity: Decimal
    unique_value: str | None = None
    counted: bool = True
    group_values: tuple[str | None, ...] | None = None


LEFT_OUT = Measured(Decimal(0), counted=False)
"""What a meter takes from an event that its filters leave out."""


class Filter(msgspec.Struct, frozen=True):
    """Counts only events whose property has one of these values, compared as text (properties.LabelReader)."""

    property: str
    values: tuple[str, ...]


class Meter(msgspec.Struct, frozen=True):
    """What is counted, and how a window of it is summed up (the context's README gives each aggregation's semantics).

    Aggregations of numbers take the event's `value`, or the number in its property `value_property`; `unique_count`
    counts the different values of its property `unique_property`; `count` counts events. An event counts if it passes all
    filters. `group_by` names the properties by whose values usage can be told apart.
    """

    id: UUID
    code: str
    aggregation: Aggregation
    value_property: str | None = None
    unique_property: str | None = None
    percentile: Decimal | None = None
    weighted_by: WeightedBy | None = None
    filters: tuple[Filter, ...] = ()
    group_by: tuple[str, ...] = ()


class MeterReading:
    """A meter made ready to measure many events."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.hex = meter.id.hex
        name = meter.value_property or meter.unique_property
        kind: Any = Decimal if meter.value_property else str | int | bool
        self._property = PropertyReader(name, kind) if name else None
        self._name = name
        self._signed = meter.weighted_by == "change"
        self._filters = [(LabelReader([one.property]), frozenset(one.values)) for one in meter.filters]
        self._groups = LabelReader(meter.group_by) if meter.group_by else None

    def measure(self, event: UsageEvent, properties: bytes | None) -> Measured | Refusal:
        """What the event with these properties counts for, or why it can't be told."""
        if self._filters and not all(_passes(labels, values, properties) for labels, values in self._filters):
            return LEFT_OUT
        measured = self._quantity(event, properties)
        if self._groups is None or isinstance(measured, Refusal):
            return measured
        try:
            values = self._groups.read(properties)
        except Unreadable as error:
            return _no_label(str(error))
        return Measured(measured.quantity, measured.unique_value, True, values)

    def _quantity(self, event: UsageEvent, properties: bytes | None) -> Measured | Refusal:
        aggregation = self.meter.aggregation
        if aggregation == "count":
            return Measured(_ONE)
        if self._property is None:
            return self._checked(event.value, "/value", f"meter '{self.meter.code}' needs a `value`")
        pointer = f"/properties/{self._name}"
        try:
            found = self._property.read(properties)
        except msgspec.ValidationError:
            wanted = "a number" if aggregation != "unique_count" else "text, a whole number or a boolean"
            return Refusal("invalid_property", f"send {wanted} in the property '{self._name}'", pointer)
        missing = f"meter '{self.meter.code}' needs the property '{self._name}'"
        if aggregation == "unique_count":
            return _unique(found, missing, pointer)
        return self._checked(found, pointer, missing)

    def _checked(self, value: Decimal | None, pointer: str, missing: str) -> Measured | Refusal:
        """A number that can be stored and billed, as it is or with superfluous zeros dropped."""
        if value is None:
            code = "missing_value" if pointer == "/value" else "missing_property"
            return Refusal(code, f"{missing}; add it", pointer)
        if not value.is_finite():
            return Refusal("invalid_value", "send a finite number", pointer)
        if value < 0 and not self._signed:
            return Refusal(
                "negative_value", "usage can't be negative; correct what was reported instead of subtracting", pointer
            )
        if not -MAX_VALUE <= value <= MAX_VALUE:
            return Refusal("value_too_large", "send at most 1000000000000000 (10^15) in one event", pointer)
        if len(str(value)) > _SHORT or value.adjusted() < -6:
            value = value.normalize()
            exponent = value.as_tuple().exponent
            if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
                return Refusal("value_too_precise", f"send at most {MAX_DECIMALS} digits after the point", pointer)
        return Measured(value)


def _passes(labels: LabelReader, values: frozenset[str], properties: bytes | None) -> bool:
    try:
        return labels.read(properties)[0] in values
    except Unreadable:
        return False


def _unique(found: str | int | None, missing: str, pointer: str) -> Measured | Refusal:
    if found is None or found == "":
        return Refusal("missing_property", f"{missing}; add it", pointer)
    text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
    if len(text) > MAX_TEXT_LENGTH or "\x00" in text:
        detail = f"send at most {MAX_TEXT_LENGTH} characters, without the NUL character"
        return Refusal("invalid_property", detail, pointer)
    return Measured(_ONE, text)


def _no_label(name: str) -> Refusal:
    detail = (
        f"usage is grouped by the property '{name}': send text of at most {MAX_TEXT_LENGTH} characters, "
        "a number or a boolean in it, or leave it out"
    )
    return Refusal("invalid_property", detail, f"/properties/{name}")
