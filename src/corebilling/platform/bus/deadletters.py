"""Looking at what was given up, bringing it back, or dropping it: for a tenant in its own transaction, for operators in one
of the system, which sees every tenant's."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.platform.bus.outbox import CHANNEL
from corebilling.platform.bus.publishing import DISPATCHER
from corebilling.platform.db import Tx
from corebilling.platform.queries import deadletters as queries
from corebilling.platform.queries.deadletters import ListDeadLettersRow
from corebilling.platform.queries.models import DeadLetter

MOST_AT_ONCE = 10_000
"""Dead letters that one call brings back or drops: one transaction."""


class Letters(msgspec.Struct, frozen=True):
    """Which dead letters: those that meet all that is said. `subject` may end in `.*`, which stands for all below a word."""

    tenant_id: UUID | None = None
    event_ids: list[UUID] | None = None
    consumer: str | None = None
    subject: str | None = None
    error_type: str | None = None
    reason: str | None = None
    """How the reason begins, such as `failed`."""
    resource_id: UUID | None = None
    failed_from: datetime | None = None
    failed_to: datetime | None = None
    """The last failure's instant; the end isn't part of it."""


async def list_dead_letters(
    tx: Tx, which: Letters, *, after: tuple[UUID, str] | None = None, limit: int = 50
) -> list[ListDeadLettersRow]:
    """The latest event first, its consumers by name; `after` is the event and consumer that the last page ended with."""
    before, consumer = after or (None, None)
    return await queries.list_dead_letters(
        tx.conn, **_conditions(which), before=before, after_consumer=consumer, max_rows=limit
    )


async def count(tx: Tx, which: Letters) -> int:
    """How many there are."""
    return await queries.count_dead_letters(tx.conn, **_conditions(which)) or 0


async def show(tx: Tx, tenant_id: UUID, event_id: UUID) -> list[DeadLetter]:
    """All about one event: a row for each consumer that gave it up."""
    return await queries.show_dead_letters(tx.conn, tenant_id=tenant_id, event_id=event_id)


async def requeue(tx: Tx, which: Letters, now: datetime, *, limit: int = MOST_AT_ONCE) -> int:
    """Give events a fresh start with the consumer that gave them up, the oldest first; answers how many."""
    back = await queries.requeue_dead_letters(
        tx.conn, **_conditions(which), max_rows=limit, now=now, dispatcher=DISPATCHER
    )
    if back is None:
        return 0
    if back.unpublished:
        tx.wake(CHANNEL)
    return back.letters


async def discard(tx: Tx, which: Letters, *, limit: int = MOST_AT_ONCE) -> int:
    """Delete dead letters for good, the oldest first; answers how many. The events stay in the outbox until their retention."""
    return await queries.discard_dead_letters(tx.conn, **_conditions(which), max_rows=limit) or 0


def _conditions(which: Letters) -> dict[str, Any]:
    subject = which.subject or ""
    wild = subject.endswith("*")
    return {
        "tenant_id": which.tenant_id,
        "event_ids": which.event_ids,
        "consumer": which.consumer,
        "subject": None if wild else which.subject,
        "subject_prefix": subject[:-1] if wild else None,
        "error_type": which.error_type,
        "reason_prefix": which.reason,
        "resource_id": which.resource_id,
        "failed_from": which.failed_from,
        "failed_to": which.failed_to,
    }
