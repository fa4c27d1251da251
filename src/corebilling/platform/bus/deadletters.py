"""Looking at what was given up, and bringing it back. For operators: every function needs a system transaction."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from corebilling.kernel.errors import Conflict
from corebilling.platform.bus.outbox import CHANNEL
from corebilling.platform.bus.publishing import DISPATCHER
from corebilling.platform.bus.undecodable import ROUTER
from corebilling.platform.db import Tx
from corebilling.platform.queries import deadletters as queries
from corebilling.platform.queries import inbox as inbox_queries
from corebilling.platform.queries import outbox as outbox_queries
from corebilling.platform.queries.deadletters import ListDeadLettersRow
from corebilling.platform.queries.models import DeadLetter

Key = tuple[UUID, str, UUID]
"""Tenant, consumer, event."""


async def list_dead_letters(
    tx: Tx,
    *,
    tenant_id: UUID | None = None,
    consumer: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[ListDeadLettersRow]:
    """The latest first; `before` is the event id that the last page ended with."""
    return await queries.list_dead_letters(
        tx.conn, tenant_id=tenant_id, consumer=consumer, before=before, max_rows=limit
    )


async def show(tx: Tx, tenant_id: UUID, event_id: UUID) -> list[DeadLetter]:
    """All about one event: a row for each consumer that gave it up."""
    return await queries.show_dead_letters(tx.conn, tenant_id=tenant_id, event_id=event_id)


async def requeue(tx: Tx, keys: Sequence[Key], now: datetime) -> int:
    """Give events a fresh start with the consumer that gave them up; answers how many were there.

    Raises Conflict for one that names no handler: deploy what understands it, or discard it.
    """
    taken = await _take(tx, keys)
    by_consumer: dict[str, list[DeadLetter]] = defaultdict(list)
    for letter in taken:
        by_consumer[letter.consumer].append(letter)
    if by_consumer.get(ROUTER):
        raise Conflict(
            "a message that no consumer was found for can't be requeued; discard it, or replay its event",
            code="dead_letter_without_consumer",
        )
    if unpublished := by_consumer.pop(DISPATCHER, []):
        await outbox_queries.requeue_events(
            tx.conn,
            tenant_ids=[letter.tenant_id for letter in unpublished],
            event_ids=[letter.event_id for letter in unpublished],
        )
        tx.wake(CHANNEL)
    for consumer, letters in by_consumer.items():  # a statement for each consumer, not for each event
        await inbox_queries.park_events(
            tx.conn,
            consumer=consumer,
            attempts=0,
            next_attempt_at=now,
            now=now,
            error_type="Requeued",
            error="requeued from the dead letters",
            tenant_ids=[letter.tenant_id for letter in letters],
            event_ids=[letter.event_id for letter in letters],
            subjects=[letter.subject for letter in letters],
            resource_ids=[letter.resource_id for letter in letters],
            resource_seqs=[letter.resource_seq for letter in letters],
            envelopes=[letter.envelope for letter in letters],
        )
    return len(taken)


async def discard(tx: Tx, keys: Sequence[Key]) -> int:
    """Delete dead letters for good; answers how many were there. The events stay in the outbox until their retention."""
    return len(await _take(tx, keys))


async def _take(tx: Tx, keys: Sequence[Key]) -> list[DeadLetter]:
    return await queries.take_dead_letters(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _, _ in keys],
        consumers=[consumer for _, consumer, _ in keys],
        event_ids=[event_id for _, _, event_id in keys],
    )
