"""What goes over the wire about tenants' own events and the types of events."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.events.own_subjects import LONGEST_SUBJECT

MOST_EVENTS = 1000

Subject = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_SUBJECT,
        description="Two to eight words of lower-case letters, digits and _ with dots between, such as order.shipped.",
    ),
]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Key = Annotated[
    str,
    Meta(min_length=1, max_length=200, description="What the event is about: events of one key stay in their order."),
]
Data = Annotated[msgspec.Raw, Meta(description="Any JSON of up to 64 KiB; receivers get these very bytes.")]


class CustomEventIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An event of the tenant's own. Without `occurred_at` it happens now."""

    subject: Subject
    data: Data
    key: Key | None = None
    occurred_at: Instant | None = None


CustomEventsIn = CustomEventIn | Annotated[list[CustomEventIn], Meta(min_length=1, max_length=MOST_EVENTS)]


class PublishedEvent(msgspec.Struct, frozen=True):
    """An event on its way: `id` is what receivers get as `webhook-id`, `resource_id` stands for its key."""

    id: UUID
    subject: str
    resource_id: UUID
    occurred_at: datetime


class PublishedEvents(msgspec.Struct, frozen=True):
    """The published events, in the order in which they were sent."""

    data: list[PublishedEvent]


class EventTypePut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of a subject of one's own. With a schema, only events whose data fits it are taken."""

    description: Annotated[str, Meta(min_length=1, max_length=500)]
    json_schema: (
        Annotated[
            dict[str, Any], Meta(description="JSON Schema 2020-12, up to 32 KiB, with references into itself alone.")
        ]
        | None
    ) = None


class EventTypeOut(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of event: the product's (`own` false, with version and what its resource id names), or the tenant's own."""

    subject: str
    own: bool
    description: str
    json_schema: dict[str, Any] | None
    version: int | None = None
    resource: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
