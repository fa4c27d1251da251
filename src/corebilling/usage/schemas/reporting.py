"""Wire structs of usage. The event itself is domain/event.py: it is decoded straight into what the rules work on."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.usage.domain.event import ABSENT, Instant, ItemResult, Name
from corebilling.usage.domain.windows import Window


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
