"""How events look on the wire to the tenant that they belong to."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

EventStatus = Literal["pending", "dispatched", "failed", "dead_letter"]
HolderState = Literal["waiting", "handled", "parked", "dead_letter"]


class EventOut(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the outbox. A tenant's own event has the subject that the tenant gave it.

    `pending` waits to be published, `failed` for another attempt, `dead_letter` was refused by the bus for good. `republished`
    counts deliberate repetitions, by replay or because it got lost. `occurred_at` is the tenant's time, `written_at` the wall
    clock's.
    """

    id: UUID
    subject: str
    version: int
    resource_id: UUID
    resource_seq: int
    correlation_id: UUID
    causation_id: UUID | None
    occurred_at: datetime
    written_at: datetime
    status: EventStatus
    dispatched_at: datetime | None
    retry_count: int
    next_attempt_at: datetime | None
    last_error: str | None
    republished: int


class EventHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer of an event: it waits for it, has handled it, has it parked for another attempt, or gave it up."""

    consumer: str
    state: HolderState
    taken_at: datetime | None = None
    attempts: int | None = None
    next_attempt_at: datetime | None = None
    error_type: str | None = None
    error: str | None = None


class EventWhole(EventOut, frozen=True, kw_only=True):
    """An event with its payload and what became of it. `replay_for` names the one consumer that its last replay was for."""

    payload: msgspec.Raw
    traceparent: str | None
    replay_for: str | None
    consumers: list[EventHolder]
