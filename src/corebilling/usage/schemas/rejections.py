"""Wire structs of rejected usage."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.usage.domain.event import Name, Status

MOST_RETRIED = 1_000

Outcome = Literal["accepted", "duplicate"]


class RejectionOut(msgspec.Struct, frozen=True):
    """An event that was refused: `item` is what was sent, as text; `code` and `detail` are those of the last attempt.

    `outcome` and `resolved_at` are null until another attempt was taken.
    """

    id: UUID
    received_at: datetime
    event_id: str | None
    code: str
    detail: str
    item: str
    attempts: int
    last_attempt_at: datetime | None
    resolved_at: datetime | None
    outcome: Outcome | None


class RejectionsRetry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which rejected events to try again: these, those of a code, or all that are open."""

    ids: Annotated[list[UUID], Meta(min_length=1, max_length=MOST_RETRIED)] | None = None
    code: Name | None = None
    all: bool = False


class RetriedOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one rejected event; `event_id` is the id it was sent under."""

    rejection_id: UUID
    event_id: str | None
    status: Status
    code: str | None = None
    detail: str | None = None
    pointer: str | None = None


class RetryAnswer(msgspec.Struct, frozen=True):
    """What became of each. `more`: open ones of this choice remain that weren't tried, because a request takes 1,000."""

    accepted: int
    duplicates: int
    rejected: int
    more: bool
    items: list[RetriedOut]
