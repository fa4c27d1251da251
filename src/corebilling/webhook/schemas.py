"""What goes over the wire about webhook endpoints."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.webhook.domain.custom_headers import LONGEST_VALUE, MOST_HEADERS
from corebilling.webhook.domain.retry import MOST_STEPS
from corebilling.webhook.domain.signing import Scheme
from corebilling.webhook.domain.states import DisabledReason, EndpointStatus

Url = Annotated[str, Meta(min_length=1, max_length=2048, description="Where deliveries are posted, over https.")]
Subject = Annotated[str, Meta(min_length=1, max_length=100)]
Subjects = Annotated[
    list[Subject],
    Meta(
        min_length=1,
        max_length=50,
        description="Subjects of events, your own among them, `invoice.*` for all below a word, `*` for all.",
    ),
]
Description = Annotated[str, Meta(max_length=500)]
HeaderValue = Annotated[str, Meta(min_length=1, max_length=LONGEST_VALUE)]
Headers = Annotated[
    dict[str, HeaderValue],
    Meta(max_length=MOST_HEADERS, description="Sent with every delivery, such as a token. Values are kept encrypted."),
]
HeaderChanges = Annotated[
    dict[str, HeaderValue | None],
    Meta(max_length=2 * MOST_HEADERS, description="Headers to set, and to remove with null; the others stay."),
]
RateLimit = Annotated[int, Meta(ge=1, le=1000, description="Deliveries a second at most; null: as fast as it answers.")]
Concurrency = Annotated[int, Meta(ge=1, le=100, description="Deliveries at once at most; null: by how it answers.")]
Wait = Annotated[int, Meta(ge=1, le=86_400)]
RetrySchedule = Annotated[
    list[Wait],
    Meta(
        min_length=1,
        max_length=MOST_STEPS,
        description="Seconds to wait before each retry; null: the installation's schedule.",
    ),
]
Signature = Annotated[Scheme, Meta(description="hmac: v1 signatures; ed25519: v1a; both: both.")]


class EndpointCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An endpoint to be. Without subjects it hears of every public event, the tenant's own included."""

    url: Url
    subjects: Subjects = msgspec.field(default_factory=lambda: ["*"])
    description: Description = ""
    headers: Headers = msgspec.field(default_factory=dict)
    rate_limit: RateLimit | None = None
    max_concurrency: Concurrency | None = None
    retry_schedule: RetrySchedule | None = None
    signature: Signature = "hmac"


class EndpointPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may change. `disabled` ends deliveries, also those that wait; `active` takes them up for new events."""

    url: Url | UnsetType = UNSET
    subjects: Subjects | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: EndpointStatus | UnsetType = UNSET
    headers: HeaderChanges | UnsetType = UNSET
    rate_limit: RateLimit | UnsetType | None = UNSET
    max_concurrency: Concurrency | UnsetType | None = UNSET
    retry_schedule: RetrySchedule | UnsetType | None = UNSET
    signature: Signature | UnsetType = UNSET


class EndpointOut(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint. `disabled_reason`: by request, the receiver answered 410 Gone, or it failed for days on end.

    `headers` are shown by name, and null while they can't be read. `public_key` (`whpk_`) verifies v1a signatures. Until
    `previous_secret_until` deliveries are signed with the keys before the latest rotation as well.
    """

    id: UUID
    url: str
    subjects: list[str]
    description: str
    headers: dict[str, str] | None
    rate_limit: int | None
    max_concurrency: int | None
    retry_schedule: list[int] | None
    signature: Scheme
    public_key: str | None
    previous_secret_until: datetime | None
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
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


class Message(msgspec.Struct, frozen=True):
    """The body of a delivery, in the shape that Standard Webhooks recommends."""

    type: str
    timestamp: datetime
    id: UUID
    data: Any
