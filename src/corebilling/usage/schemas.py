"""Wire structs of usage. The event itself is domain/event.py: it is decoded straight into what the rules work on."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.usage.domain.event import ABSENT, Instant, ItemResult, Name
from corebilling.usage.domain.meter import Aggregation, WeightedBy
from corebilling.usage.domain.properties import MAX_TEXT_LENGTH
from corebilling.usage.domain.windows import Window

Code = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x20]+$")]
Label = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
PropertyName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
PropertyText = Annotated[str, Meta(max_length=MAX_TEXT_LENGTH, pattern=r"^[^\x00]*$")]


class MeterFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counts only events whose property has one of the values. Numbers and booleans are compared as text: `1.5`, `true`."""

    property: PropertyName
    values: Annotated[list[PropertyText], Meta(min_length=1, max_length=100)]


class MeterCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A meter to create. `code` is what events and prices name; it has no blanks. `unit` is for people (`kWh`).

    An event counts if it passes all `filters`; one that doesn't is accepted and shown, never counted. `group_by` names
    the properties that matrix prices and GET /v1/usage may group by.
    """

    code: Code
    aggregation: Aggregation
    name: Label | None = None
    unit: Label | None = None
    value_property: PropertyName | None = None
    unique_property: PropertyName | None = None
    percentile: Decimal | None = None
    weighted_by: WeightedBy | None = None
    filters: Annotated[list[MeterFilter], Meta(max_length=10)] = []
    group_by: Annotated[list[PropertyName], Meta(max_length=10)] = []


class MeterOut(msgspec.Struct, frozen=True):
    """A meter."""

    id: UUID
    code: str
    name: str
    unit: str | None
    aggregation: Aggregation
    value_property: str | None
    unique_property: str | None
    percentile: DecimalText | None
    weighted_by: WeightedBy | None
    filters: list[MeterFilter]
    group_by: list[str]
    created_at: datetime


class CloudEvent(msgspec.Struct, gc=False):
    """A CloudEvents 1.0 event as usage: `type` is the meter, `subject` the subscription or customer.

    `data` is `{"value"?, "properties"?}`; an object without `properties` is itself the properties. `time` is
    demanded: billing has to know when. Extension attributes are allowed and not kept.
    """

    specversion: Literal["1.0"]
    id: Name
    source: Annotated[str, Meta(min_length=1, max_length=255)]
    type: Name
    subject: Name
    time: Instant
    data: msgspec.Raw = ABSENT


class CloudEventData(msgspec.Struct, gc=False):
    """What usage reads of a CloudEvent's data."""

    value: Decimal | None = None
    properties: msgspec.Raw = ABSENT


class UsageAnswer(msgspec.Struct, frozen=True):
    """What became of each event, in the order sent."""

    accepted: int
    duplicates: int
    rejected: int
    items: list[ItemResult]


class UsageEventOut(msgspec.Struct, frozen=True):
    """A stored event. `quantity` is what its meter counts of it; nothing of one that the meter's filters leave out
    (`counted` is false) or that was taken back (`voided`)."""

    id: str
    source: str | None
    subscription_id: UUID
    meter: str
    timestamp: datetime
    received_at: datetime
    quantity: DecimalText
    properties: msgspec.Raw
    counted: bool
    voided: bool


class UsageTotalOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """The quantity of one meter in `[start, end)`. `group` is there if usage is grouped: the property and its value,
    null where events have none."""

    start: datetime
    end: datetime
    quantity: DecimalText
    group: dict[str, str | None] | None = None


class UsageTotals(msgspec.Struct, frozen=True):
    """The usage of a subscription, or of all a customer's, on a meter: windows in order of time, each by group."""

    subscription_id: UUID | None
    customer_id: UUID | None
    meter: str
    unit: str | None
    window: Window
    time_zone: str
    data: list[UsageTotalOut]
