"""From an event as sent to a row to store, or the reason why not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from corebilling.usage.domain.attribution import Owner, Owners
from corebilling.usage.domain.event import Refusal, SubjectEvent, UsageEvent
from corebilling.usage.domain.identity import event_body, event_key
from corebilling.usage.domain.meter import Measured, MeterReading

KEYS_KEPT = timedelta(days=35)
"""How long the key of an accepted event is remembered at the least."""

MAX_AGE = timedelta(days=34)
"""Older events are refused: a day less than keys are kept, so that no retry outlives its key, clocks differing or not."""

MAX_AHEAD = timedelta(minutes=5)
"""How far an event's clock may run ahead of the tenant's."""

MAX_PROPERTIES_BYTES = 16_384


class UsageRow(msgspec.Struct, frozen=True, gc=False):
    """An event ready to be stored: the `index`-th item of its batch. `key` and `body` are 32 hexadecimal digits,
    `timestamp` is in UTC."""

    index: int
    key: str
    body: str
    owner: Owner
    reading: MeterReading
    timestamp: datetime
    quantity: Decimal
    event_id: str
    source: str | None
    unique_value: str | None
    properties: bytes | None
    counted: bool
    group_values: tuple[str | None, ...] | None


class Surroundings(msgspec.Struct, frozen=True):
    """What a batch is judged by: the tenant's present instant, its meters by code, and the subscriptions it names.

    `earliest` is the first timestamp taken where it isn't the usual one: corrections reach back as far as they say.
    """

    present: datetime
    meters: Mapping[str, MeterReading]
    owners: Owners
    earliest: datetime | None = None


class Normaliser:
    """Turns the events of one batch into rows."""

    def __init__(self, around: Surroundings) -> None:
        self._meters = around.meters
        self._owners = around.owners
        self._earliest = around.earliest or around.present - MAX_AGE
        self._latest = around.present + MAX_AHEAD

    def row(self, index: int, event: UsageEvent) -> UsageRow | Refusal:
        """The row of the event at that place of the batch, or the first reason to refuse it."""
        at = event.timestamp
        if not self._earliest <= at <= self._latest:
            return self._untimely(event)
        if at.tzinfo is not UTC:
            at = at.astimezone(UTC)
        reading = self._meters.get(event.meter)
        if reading is None:
            pointer = "/type" if isinstance(event, SubjectEvent) else "/meter"
            return Refusal(
                "unknown_meter", f"there is no meter '{event.meter}'; create it or correct the code", pointer
            )
        owner = self._owners.of(event, at)
        if not isinstance(owner, Owner):
            return owner
        properties: bytes | None = bytes(event.properties)
        if not properties or properties == b"null":
            properties = None
        elif refusal := _refused_properties(properties):
            return refusal
        measured = reading.measure(event, properties)
        if not isinstance(measured, Measured):
            return measured
        quantity, unique_value = measured.quantity, measured.unique_value
        return UsageRow(
            index,
            event_key(event.source, event.id),
            event_body(owner.hex, reading.hex, str(quantity), unique_value, properties),
            owner,
            reading,
            at,
            quantity,
            event.id,
            event.source,
            unique_value,
            properties,
            measured.counted,
            measured.group_values,
        )

    def _untimely(self, event: UsageEvent) -> Refusal:
        pointer = "/time" if isinstance(event, SubjectEvent) else "/timestamp"
        if event.timestamp > self._latest:
            return Refusal(
                "timestamp_in_future",
                f"the timestamp is after {self._latest.isoformat()}, later than the tenant's clock allows; correct it",
                pointer,
            )
        return Refusal(
            "timestamp_too_old",
            f"usage is taken from {self._earliest.isoformat()} on; correct the timestamp, or send older usage as a backfill",
            pointer,
        )


def _refused_properties(properties: bytes) -> Refusal | None:
    if not properties.startswith(b"{"):
        return Refusal("invalid_properties", "send a JSON object", "/properties")
    if len(properties) > MAX_PROPERTIES_BYTES:
        detail = f"send at most {MAX_PROPERTIES_BYTES} bytes of properties; keep the rest on your side"
        return Refusal("properties_too_large", detail, "/properties")
    return None
