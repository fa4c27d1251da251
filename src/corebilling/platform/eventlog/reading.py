"""The tenant's own view of its events: what was told, whether it was published, and who has taken it."""

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import msgspec

from corebilling.events.custom import CustomEvent
from corebilling.kernel.errors import NotFound
from corebilling.kernel.ids import first_id_at, made_at
from corebilling.platform.bus import deadletters
from corebilling.platform.bus.handlers import Subscriptions
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.schemas_events import EventHolder, EventOut, EventStatus, EventWhole
from corebilling.platform.eventlog.wanted import CUSTOM, wanted
from corebilling.platform.queries import events as queries
from corebilling.platform.queries import models
from corebilling.platform.queries.events import HoldersOfEventRow, ListEventsRow

_STATUSES: dict[str, EventStatus] = {status: status for status in get_args(EventStatus)}
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
_NO_IDS_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)
_custom = msgspec.json.Decoder(CustomEvent)


class EventLog:
    """Reads the outbox and what consumers have taken of it."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def find(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        subject: str | None = None,
        resource_id: UUID | None = None,
        status: EventStatus | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> list[EventOut]:
        """Events, newest first; `since` and `before` are instants of writing. Raises `Invalid` for an impossible subject."""
        meant = wanted([subject] if subject else [], "/query/subject")
        rows = await queries.list_events(
            tx.conn,
            tenant_id=tenant_id,
            from_id=_first_from(since) if since else _FIRST,
            until_id=_first_from(before) if before else _LAST,
            before=after,
            resource_id=resource_id,
            status=status,
            page_size=limit,
            **meant.columns(),
        )
        return [_shown(row, row.own_subject or row.subject) for row in rows]

    async def get(self, tx: Tx, tenant_id: UUID, event_id: UUID) -> EventWhole:
        """One event with its payload and its consumers. Raises `NotFound`."""
        row = await queries.get_event(tx.conn, tenant_id=tenant_id, event_id=event_id)
        if row is None:
            raise NotFound(
                f"there is no event {event_id}; events are kept for the outbox's retention, GET /v1/events lists them",
                code="event_not_found",
            )
        own = _custom.decode(row.payload) if row.subject == CUSTOM else None
        shown = _shown(row, own.subject if own else row.subject)
        return EventWhole(
            **msgspec.structs.asdict(shown),
            payload=own.data if own else msgspec.Raw(row.payload.encode()),
            traceparent=row.traceparent,
            replay_for=row.replay_for,
            consumers=await self._holders(tx, tenant_id, event_id, row.subject),
        )

    async def _holders(self, tx: Tx, tenant_id: UUID, event_id: UUID, subject: str) -> list[EventHolder]:
        wanting = [consumer for each, consumer in self._subscriptions.pairs if each == subject]
        letters = {letter.consumer: letter for letter in await deadletters.show(tx, tenant_id, event_id)}
        rows = await queries.holders_of_event(
            tx.conn, consumers=sorted({*wanting, *letters}), tenant_id=tenant_id, event_id=event_id
        )
        return [_holder(row, letters.get(row.consumer)) for row in rows]


def _first_from(at: datetime) -> UUID:
    """The first id of an instant; there is none from before 1970."""
    return first_id_at(at) if at > _NO_IDS_BEFORE else _FIRST


def _shown(row: ListEventsRow | models.BillingEvent, subject: str) -> EventOut:
    return EventOut(
        id=row.event_id,
        subject=subject,
        version=row.version,
        resource_id=row.resource_id,
        resource_seq=row.resource_seq,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        occurred_at=row.occurred_at,
        written_at=made_at(row.event_id),
        status=_STATUSES[row.status],
        dispatched_at=row.dispatched_at,
        retry_count=row.retry_count,
        next_attempt_at=row.next_attempt_at,
        last_error=row.last_error,
        republished=row.republished,
    )


def _holder(row: HoldersOfEventRow, letter: models.DeadLetter | None) -> EventHolder:
    if row.attempts is not None:  # parked: it may have been given up before, and requeued
        return EventHolder(
            consumer=row.consumer, state="parked", taken_at=row.taken_at, attempts=row.attempts,
            next_attempt_at=row.next_attempt_at, error_type=row.error_type, error=row.error,
        )  # fmt: skip
    if letter is not None:
        return EventHolder(
            consumer=row.consumer, state="dead_letter", taken_at=row.taken_at, attempts=letter.attempts,
            error_type=letter.error_type, error=letter.error,
        )  # fmt: skip
    if row.taken_at is None:
        return EventHolder(consumer=row.consumer, state="waiting")
    return EventHolder(consumer=row.consumer, state="handled", taken_at=row.taken_at)
