"""Corrections: what they take back and put in, and what that does to hours, names and series."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec

from corebilling.events.usage import ReportedSeries
from corebilling.kernel.money import EXACT
from corebilling.usage.domain.identity import event_key
from corebilling.usage.domain.normalise import UsageRow

CorrectionKind = Literal["void", "amend", "backfill"]
BackfillMode = Literal["add", "replace"]

NOTHING_LARGER = Decimal("-Infinity")
NOTHING_SMALLER = Decimal("Infinity")


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as it lies in the store; `meter` is the code."""

    key: UUID
    subscription_id: UUID
    meter_id: UUID
    meter: str
    ts: datetime
    quantity: Decimal
    event_id: str
    source: str | None
    unique_value: str | None
    properties: str | None
    counted: bool


class Author(msgspec.Struct, frozen=True):
    """Who corrects: the credential's subject, the route as `POST /v1/…`, and the request's id."""

    actor: str
    action: str
    request_id: str


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What one correction does: events of one meter taken back, and events put in. `details` is shown as it is."""

    id: UUID
    kind: CorrectionKind
    mode: BackfillMode | None = None
    reason: str
    meter_id: UUID
    range_start: datetime
    range_end: datetime
    voided: Sequence[StoredEvent]
    added: Sequence[UsageRow]
    details: dict[str, Any]


class HourChange(msgspec.Struct):
    """What a correction does to one hour of a series. An hour that only loses has no largest and no smallest value."""

    subscription: str
    meter: str
    hour_at: datetime
    event_count: int = 0
    value_sum: Decimal = Decimal(0)
    value_max: Decimal = NOTHING_LARGER
    value_min: Decimal = NOTHING_SMALLER


class NameState(msgspec.Struct, frozen=True):
    """What a name stands for after a correction."""

    key: UUID
    subscription_id: UUID
    ts: datetime
    counts: bool


def name_of(event: StoredEvent | UsageRow) -> str:
    """The key of what names the event, whichever key it is stored under."""
    return event_key(event.source, event.event_id)


def says_the_same(stored: StoredEvent, row: UsageRow) -> bool:
    """Whether the two are the same use, whenever it was."""
    return (
        stored.subscription_id == row.owner.attribution.subscription_id
        and stored.meter_id == row.reading.meter.id
        and stored.quantity == row.quantity
        and stored.unique_value == row.unique_value
        and (stored.properties or "").encode() == (row.properties or b"")
    )


def hour_changes(voided: Iterable[StoredEvent], added: Iterable[UsageRow]) -> list[HourChange]:
    """What to add to the hourly rollups: less for what is taken back, more for what is put in. Events left out count nowhere."""
    changes: dict[tuple[str, str, datetime], HourChange] = {}

    def at(subscription: str, meter: str, ts: datetime) -> HourChange:
        hour_at = ts.replace(minute=0, second=0, microsecond=0)
        return changes.setdefault((subscription, meter, hour_at), HourChange(subscription, meter, hour_at))

    for event in voided:
        if event.counted:
            change = at(event.subscription_id.hex, event.meter_id.hex, event.ts)
            change.event_count -= 1
            change.value_sum = EXACT.subtract(change.value_sum, event.quantity)
    for row in added:
        if row.counted:
            change = at(row.owner.hex, row.reading.hex, row.timestamp)
            change.event_count += 1
            change.value_sum = EXACT.add(change.value_sum, row.quantity)
            change.value_max = max(change.value_max, row.quantity)
            change.value_min = min(change.value_min, row.quantity)
    return list(changes.values())


def touched_series(voided: Iterable[StoredEvent], added: Iterable[UsageRow]) -> list[ReportedSeries]:
    """The series that a correction moves; counted are the events taken back and those put in."""
    moved = [(event.subscription_id, event.meter_id, event.ts) for event in voided if event.counted]
    moved += [
        (row.owner.attribution.subscription_id, row.reading.meter.id, row.timestamp) for row in added if row.counted
    ]
    instants: dict[tuple[UUID, UUID], list[datetime]] = {}
    for subscription_id, meter_id, ts in moved:
        instants.setdefault((subscription_id, meter_id), []).append(ts)
    return [ReportedSeries(*series, min(times), max(times), len(times)) for series, times in instants.items()]


def name_states(voided: Iterable[StoredEvent], added: Iterable[UsageRow]) -> dict[str, NameState]:
    """What the names stand for from now on, where that isn't simply the event of their own key."""
    states = {name_of(e): NameState(e.key, e.subscription_id, e.ts, counts=False) for e in voided}
    for row in added:
        name = name_of(row)
        if row.key != name:
            states[name] = NameState(UUID(row.key), row.owner.attribution.subscription_id, row.timestamp, counts=True)
    return states
