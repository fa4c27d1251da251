"""Who may be handled now: events that just arrived, and parked events whose turn has come.

An inbox row says that the consumer has taken charge of the event: it was handled, or parked, or given up. It commits
together with that, so a redelivery after a crash between commit and acknowledgement finds it and does nothing.
"""

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from corebilling.events.envelope import Envelope
from corebilling.platform.bus import metrics
from corebilling.platform.bus.keeping import kept_form
from corebilling.platform.bus.pace import backoff
from corebilling.platform.db import Tx
from corebilling.platform.queries import deadletters as dead_queries
from corebilling.platform.queries import inbox as queries

MOST_ATTEMPTS = 10
_FRAMES = 8
_OURS = f"{Path(__file__).parents[2]}{os.sep}"


@dataclass(frozen=True, slots=True)
class Held:
    """An event in a consumer's hands: its envelope, and its form on the wire, kept if it has to be put aside."""

    envelope: Envelope[Any]
    body: bytes
    attempts: int = 0
    first_failed_at: datetime | None = None


class Admission(Protocol):
    """Where a group's events come from, and where they go when they fail."""

    async def admit(self, tx: Tx, consumer: str, events: Sequence[Held], now: datetime) -> Sequence[Held]:
        """Those to be handled in this transaction."""
        ...

    async def put_aside(self, tx: Tx, consumer: str, event: Held, error: Exception, now: datetime) -> None:
        """Keep a failed event for another attempt, or give it up."""
        ...


class Arrivals:
    """Events fresh from the bus."""

    async def admit(self, tx: Tx, consumer: str, events: Sequence[Held], now: datetime) -> Sequence[Held]:
        """The new ones; those of a resource that has an event parked are parked behind it."""
        fresh = await self._take(tx, consumer, events)
        if not fresh:
            return []
        rows = await queries.parked_resources(
            tx.conn,
            consumer=consumer,
            tenant_ids=[event.envelope.tenant_id for event in fresh],
            resource_ids=[event.envelope.resource_id for event in fresh],
        )
        parked = {(row.tenant_id, row.resource_id) for row in rows}
        if not parked:
            return fresh
        behind = [e for e in fresh if (e.envelope.tenant_id, e.envelope.resource_id) in parked]
        waits = ("Waiting", "an earlier event of the same resource is parked")
        await park(tx, consumer, behind, attempts=0, due=now, error=waits, now=now)
        return [e for e in fresh if (e.envelope.tenant_id, e.envelope.resource_id) not in parked]

    async def put_aside(self, tx: Tx, consumer: str, event: Held, error: Exception, now: datetime) -> None:
        if await self._take(tx, consumer, [event]):
            await park(tx, consumer, [event], attempts=1, due=now + backoff(1), error=described(error), now=now)

    async def _take(self, tx: Tx, consumer: str, events: Sequence[Held]) -> list[Held]:
        new = set(
            await queries.take_events(
                tx.conn,
                consumer=consumer,
                tenant_ids=[event.envelope.tenant_id for event in events],
                event_ids=[event.envelope.id for event in events],
            )
        )
        metrics.REDELIVERED.labels(consumer).inc(len(events) - len(new))
        return [event for event in events if event.envelope.id in new]


class Parked:
    """Events from `inbox_retry`, each the first of its resource."""

    async def admit(self, tx: Tx, consumer: str, events: Sequence[Held], now: datetime) -> Sequence[Held]:
        """Those that no other process works on. They leave the list in this transaction, and are back if it fails."""
        mine = set(
            await queries.unpark_events(
                tx.conn,
                consumer=consumer,
                now=now,
                tenant_ids=[event.envelope.tenant_id for event in events],
                event_ids=[event.envelope.id for event in events],
            )
        )
        return [event for event in events if event.envelope.id in mine]

    async def put_aside(self, tx: Tx, consumer: str, event: Held, error: Exception, now: datetime) -> None:
        attempts = event.attempts + 1
        tenant_id, event_id = event.envelope.tenant_id, event.envelope.id
        kind, text = described(error)
        if attempts < MOST_ATTEMPTS:
            await queries.put_off_retry(
                tx.conn, tenant_id=tenant_id, consumer=consumer, event_id=event_id, attempts=attempts,
                next_attempt_at=now + backoff(attempts), now=now, error_type=kind, error=text,
            )  # fmt: skip
            return
        if await queries.drop_retry(tx.conn, tenant_id=tenant_id, consumer=consumer, event_id=event_id):
            await bury(tx, consumer, [event], f"failed {attempts} times", error, now, attempts=attempts)


async def bury(
    tx: Tx, consumer: str, events: Sequence[Held], reason: str, error: Exception, now: datetime, *, attempts: int = 1
) -> None:
    """Write dead letters. The consumer keeps charge of the events: no redelivery brings them back, only a requeue."""
    kind, text = described(error)
    await dead_queries.insert_dead_letters(
        tx.conn,
        consumer=consumer,
        reason=reason,
        error_type=kind,
        error=text,
        stack=where(error),
        attempts=attempts,
        first_failed_at=events[0].first_failed_at or now,
        last_failed_at=now,
        **_columns(events),
    )
    metrics.DEAD_LETTERS.labels(consumer).inc(len(events))


async def park(
    tx: Tx,
    consumer: str,
    events: Sequence[Held],
    *,
    attempts: int,
    due: datetime,
    error: tuple[str, str],
    now: datetime,
) -> None:
    """Put events by for an attempt at `due`, the consumer having taken charge of them."""
    await queries.park_events(
        tx.conn, consumer=consumer, attempts=attempts, next_attempt_at=due, now=now, error_type=error[0], error=error[1],
        **_columns(events),
    )  # fmt: skip
    metrics.PARKED.labels(consumer).inc(len(events))


def _columns(events: Sequence[Held]) -> dict[str, Any]:
    return {
        "tenant_ids": [event.envelope.tenant_id for event in events],
        "event_ids": [event.envelope.id for event in events],
        "subjects": [event.envelope.subject for event in events],
        "resource_ids": [event.envelope.resource_id for event in events],
        "resource_seqs": [event.envelope.resource_seq for event in events],
        "envelopes": [kept_form(event.body) for event in events],
    }


def where(error: Exception) -> str:
    """The innermost steps of our own code that led to the error, and the last one wherever it was; paths as packages see them."""
    steps = traceback.extract_tb(error.__traceback__)
    shown = [step for step in steps if step.filename.startswith(_OURS)][-_FRAMES:]
    if steps and steps[-1] not in shown:
        shown.append(steps[-1])
    return "\n".join(f"{_within_package(step.filename)}:{step.lineno} {step.name}" for step in shown)


def _within_package(path: str) -> str:
    if path.startswith(_OURS):
        return f"corebilling/{path.removeprefix(_OURS)}"
    _, installed, rest = path.rpartition("/site-packages/")
    return rest if installed else Path(path).name


def described(error: Exception) -> tuple[str, str]:
    """The error's type and text, as a column of text takes it and at most 2,000 characters long."""
    return type(error).__name__, str(error).replace("\x00", "").encode(errors="replace").decode()[:2000]
