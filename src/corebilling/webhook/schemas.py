"""What goes over the wire about webhook endpoints and deliveries."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.webhook.domain.states import DeliveryStatus, DisabledReason, EndpointStatus

Url = Annotated[str, Meta(min_length=1, max_length=2048, description="Where deliveries are posted, over https.")]
Subject = Annotated[str, Meta(min_length=1, max_length=100)]
Subjects = Annotated[
    list[Subject],
    Meta(min_length=1, max_length=50, description="Subjects of events, `invoice.*` for all below a word, `*` for all."),
]
Description = Annotated[str, Meta(max_length=500)]


class EndpointCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An endpoint to be. Without subjects it hears of every public event."""

    url: Url
    subjects: Subjects = msgspec.field(default_factory=lambda: ["*"])
    description: Description = ""


class EndpointPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may change. `disabled` ends deliveries, also those that wait; `active` takes them up for new events."""

    url: Url | UnsetType = UNSET
    subjects: Subjects | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: EndpointStatus | UnsetType = UNSET


class EndpointOut(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint. `disabled_reason`: by request, the receiver answered 410 Gone, or it failed for days on end."""

    id: UUID
    url: str
    subjects: list[str]
    description: str
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime


class EndpointWithSecret(EndpointOut, frozen=True, kw_only=True):
    """The only answers that show the signing secret: creation and rotation."""

    secret: str


class RequestedTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test event is on its way; its delivery shows in the log of deliveries."""

    endpoint_id: UUID
    subject: str


class DeliveryOut(msgspec.Struct, frozen=True, kw_only=True):
    """One event's way to one endpoint. `attempts` counts since the last redelivery."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    subject: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


class AttemptOut(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: what was answered, or why nothing was."""

    id: UUID
    attempted_at: datetime
    duration_ms: int
    response_status: int | None
    response_excerpt: str | None
    error: str | None


class DeliveryDetail(DeliveryOut, frozen=True, kw_only=True):
    """A delivery with the body as it is sent and its latest attempts, newest first."""

    body: str
    attempts_log: list[AttemptOut]


class Message(msgspec.Struct, frozen=True):
    """The body of a delivery, in the shape that Standard Webhooks recommends."""

    type: str
    timestamp: datetime
    id: UUID
    data: Any
