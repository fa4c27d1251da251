"""One consumer's transaction over a group of events of one subject, and what happens when it fails.

What passes by itself (lost connections, deadlocks, a full disk) is tried again as a whole, for as long as it takes: an outage
must not fill the dead letters. A schema that a rolling release is about to bring is waited for a while, then the group is put
aside. Anything else is some event's fault, or a bug that it meets: the group is halved until that event stands alone, is put
aside, and the rest commits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from loguru import logger
from opentelemetry import trace as otel
from opentelemetry.trace import Link, NonRecordingSpan, SpanKind

from corebilling.kernel.clock import Clock
from corebilling.platform.bus import metrics, trace
from corebilling.platform.bus.admission import Admission, Held, described
from corebilling.platform.bus.handlers import Consumer, Handler, NotYet
from corebilling.platform.bus.pace import backoff, pause
from corebilling.platform.db import Database
from corebilling.platform.db.errors import is_transient, sqlstate

_SCHEMA_MISMATCH = frozenset({"42P01", "42703", "42883"})
"""Undefined table, column, function: the code is newer than the schema, or older."""

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0
_ATTEMPTS_WITH_SCHEMA = 12
"""About half a minute."""
_MOST_LINKS = 100

_tracer = otel.get_tracer("corebilling.router")


class Stopped(Exception):
    """A group waits for better times, and not here: its messages will be delivered again, or are parked."""


class Group:
    """Works on groups of events. `stopping` ends the patience with what passes by itself; with a schema that doesn't fit it
    ends after so many attempts, because that is the trouble of some handlers, and the others have to go on. Without `patient`
    there is none: for events that can stay where they are.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        stopping: asyncio.Event,
        *,
        patient: bool = True,
        attempts_with_schema: int = _ATTEMPTS_WITH_SCHEMA,
    ) -> None:
        self._db = db
        self._clock = clock
        self._stopping = stopping
        self._patient = patient
        self._attempts_with_schema = attempts_with_schema

    async def handle(
        self, consumer: Consumer[Any], handler: Handler[Any], events: Sequence[Held], admission: Admission
    ) -> None:
        """Return once each event is committed or put aside. Raises `Stopped`."""
        unique = {event.envelope.id: event for event in events}
        ordered = sorted(
            unique.values(), key=lambda e: (e.envelope.resource_id, e.envelope.resource_seq, e.envelope.id)
        )
        await self._settle(consumer, handler, ordered, admission)

    async def _settle(
        self, consumer: Consumer[Any], handler: Handler[Any], events: Sequence[Held], admission: Admission
    ) -> None:
        error = await self._attempt(consumer, handler, events, admission)
        if error is None:
            return
        if isinstance(error, NotYet):
            early = [event for event in events if event.envelope.id in error.event_ids]
            rest = [event for event in events if event.envelope.id not in error.event_ids]
            if early:
                for event in early:
                    await self._put_aside(consumer, event, error, admission)
                if rest:
                    await self._settle(consumer, handler, rest, admission)
                return
        if len(events) == 1 or _is_of_the_schema(error):
            for event in events:
                await self._put_aside(consumer, event, error, admission)
            return
        middle = len(events) // 2
        await self._settle(consumer, handler, events[:middle], admission)
        await self._settle(consumer, handler, events[middle:], admission)

    async def _attempt(
        self, consumer: Consumer[Any], handler: Handler[Any], events: Sequence[Held], admission: Admission
    ) -> Exception | None:
        """One transaction, repeated while the cause of its failure passes by itself; answers any other error."""

        async def transaction() -> None:
            started = time.perf_counter()
            with _span(consumer.name, events):
                async with self._db.tenants({event.envelope.tenant_id for event in events}) as tx:
                    tx.may_emit = consumer.forget is None
                    admitted = await admission.admit(tx, consumer.name, events, self._clock())
                    if admitted:
                        await handler(consumer.service, tx, [event.envelope for event in admitted])
            took = time.perf_counter() - started
            metrics.HANDLE_SECONDS.labels(consumer.name, events[0].envelope.subject).observe(took)
            metrics.HANDLED.labels(consumer.name).inc(len(admitted))

        try:
            what = f"{consumer.name} with {events[0].envelope.subject}"
            await self.patiently(what, transaction, attempts_with_schema=self._attempts_with_schema)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an event or a bug in its handler raises
            return error
        return None

    async def _put_aside(self, consumer: Consumer[Any], event: Held, error: Exception, admission: Admission) -> None:
        envelope = event.envelope
        logger.bind(tenant_id=str(envelope.tenant_id), event_id=str(envelope.id)).warning(
            "{} puts {} {} aside after {}", consumer.name, envelope.subject, envelope.id, described(error)[0]
        )

        async def transaction() -> None:
            async with self._db.tenants([envelope.tenant_id]) as tx:
                await admission.put_aside(tx, consumer.name, event, error, self._clock())

        await self.patiently(f"{consumer.name} putting {envelope.subject} aside", transaction)

    async def patiently(
        self, what: str, work: Callable[[], Awaitable[None]], *, attempts_with_schema: int | None = None
    ) -> None:
        """Do some work, again and again while it fails for reasons that pass by themselves. Raises `Stopped`, and what the
        work raises otherwise, or too often because of the schema."""
        attempt = 0
        while True:
            try:
                await work()
            except Exception as error:
                if not passes_by_itself(error):
                    raise
                attempt += 1
                if not self._patient:
                    logger.warning("{} waits for its next turn: {}", what, error)
                    raise Stopped from error
                if _is_of_the_schema(error) and attempt == attempts_with_schema:
                    raise
                logger.warning("{} is tried again: {}", what, error)
                seconds = backoff(attempt, first=_FIRST_WAIT_SECONDS, longest=_LONGEST_WAIT_SECONDS).total_seconds()
                await pause(self._stopping, seconds)
                if self._stopping.is_set():
                    raise Stopped from error
            else:
                return


def passes_by_itself(error: Exception) -> bool:
    """Whether the same group may succeed later without anybody mending an event."""
    return is_transient(error) or _is_of_the_schema(error)


def _is_of_the_schema(error: Exception) -> bool:
    return sqlstate(error) in _SCHEMA_MISMATCH


def _span(consumer: str, events: Sequence[Held]) -> AbstractContextManager[Any]:
    """A span that continues the event's trace, or is linked with those of a batch; nothing where tracing is off."""
    if not trace.tracing_is_on():
        return nullcontext()
    contexts = [c for e in events[:_MOST_LINKS] if (c := trace.span_context(e.envelope.traceparent)) is not None]
    parent = otel.set_span_in_context(NonRecordingSpan(contexts[0])) if len(events) == len(contexts) == 1 else None
    return _tracer.start_as_current_span(
        f"{consumer} {events[0].envelope.subject}",
        context=parent,
        kind=SpanKind.CONSUMER,
        links=[] if parent else [Link(context) for context in contexts],
        attributes={"messaging.batch.message_count": len(events)},
    )
