"""How dead letters look on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.platform.bus.deadletters import MOST_AT_ONCE

Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Word = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
EventIds = Annotated[list[UUID], Meta(min_length=1, max_length=1000)]


class DeadLetterOut(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a consumer gave up. The consumer is `dispatcher` where the bus refused to take it at all."""

    event_id: UUID
    consumer: str
    subject: str
    resource_id: UUID
    resource_seq: int
    reason: str
    error_type: str
    error: str
    attempts: int
    first_failed_at: datetime
    last_failed_at: datetime


class DeadLetterWhole(DeadLetterOut, frozen=True, kw_only=True):
    """A dead letter with the last steps before the error and the event as it was on the wire (a CloudEvent)."""

    stack: str
    envelope: msgspec.Raw


class DeadLettersOfEvent(msgspec.Struct, frozen=True):
    """One event's dead letters: one for each consumer that gave it up."""

    event_id: UUID
    letters: list[DeadLetterWhole]


class DeadLetterSelection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Dead letters that meet everything said; `all` where nothing else is said. At most `limit`, the oldest first.

    `subject` may be `invoice.*` for all below a word; `reason` is how the reason begins. `dry_run` only counts.
    """

    event_ids: EventIds | None = None
    consumer: Word | None = None
    subject: Word | None = None
    error_type: Word | None = None
    reason: Word | None = None
    resource_id: UUID | None = None
    failed_from: Instant | None = None
    failed_to: Instant | None = None
    all: bool = False
    limit: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE)] = 1000
    dry_run: bool = False


class DeadLettersMoved(msgspec.Struct, frozen=True):
    """How many dead letters were (or, dry run, would be) requeued or discarded, and how many more meet the same conditions."""

    letters: int
    remaining: int
    dry_run: bool
