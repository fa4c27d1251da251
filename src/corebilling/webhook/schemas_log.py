"""What goes over the wire about deliveries and their attempts."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.webhook.domain.states import DeliveryStatus

MOST_REDELIVERED = 10_000
"""By one request: more of them is a loop of the caller's, in which each request is one short transaction."""

Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
SubjectFilter = Annotated[
    str, Meta(min_length=1, max_length=100, description="A subject, or `invoice.*` for all below a word.")
]
MostRedelivered = Annotated[int, Meta(ge=1, le=MOST_REDELIVERED, description="How many at most, the oldest first.")]


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
    """One attempt: what was sent where, and what was answered, or why nothing was.

    `request_headers` are those of the attempt; values that would let a reader sign or pass a gateway are hidden. Null where the
    log doesn't say, as of attempts that were never sent.
    """

    id: UUID
    attempted_at: datetime
    duration_ms: int
    url: str | None
    request_headers: dict[str, str] | None
    response_status: int | None
    response_excerpt: str | None
    error: str | None


class DeliveryDetail(DeliveryOut, frozen=True, kw_only=True):
    """A delivery with the body as it is sent and its latest attempts, newest first."""

    body: str
    attempts_log: list[AttemptOut]


class RedeliverFailed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What failed at an endpoint, of what began at `since` or later and before `until`: dead letters, and what waits for a retry."""

    since: Instant
    until: Instant | None = None
    limit: MostRedelivered = 1000


class RedeliverMatching(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Dead letters, those that wait for a retry (`pending`), or what was delivered and has to come again; all given must fit."""

    status: Literal["dead_letter", "pending", "delivered"] = "dead_letter"
    endpoint_id: UUID | None = None
    subject: SubjectFilter | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: MostRedelivered = 1000


class Redelivered(msgspec.Struct, frozen=True, kw_only=True):
    """So many are due again at once. `more`: the limit was reached, ask again for the next ones."""

    redelivered: int
    more: bool
