"""Replay: events of the outbox are sent on their way again, at a pace, as a job that survives its workers.

Nothing is handled twice: an event keeps its id, and each consumer's inbox knows what it has taken. A rebuild lets one
projection forget, rows and inbox together, and then sends it everything again (docs/adr/0017).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict
from corebilling.kernel.ids import first_id_at, made_at
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.bus.outbox import CHANNEL
from corebilling.platform.bus.publishing import DISPATCHER
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.ordering import Scope, consumer_of, ordered, scope_of
from corebilling.platform.eventlog.schemas_replay import (
    ReplayConsumer,
    ReplayOrder,
    ReplayPlan,
    ReplayRequest,
    ReplayResult,
    ReplaySubject,
)
from corebilling.platform.jobs.kinds import Chunk, Job
from corebilling.platform.jobs.schemas import JobOut
from corebilling.platform.jobs.service import JobService
from corebilling.platform.queries import replay as queries

KIND = "events.replay"
"""The kind of job."""

_MOST_A_CHUNK = 1000
_POLL = timedelta(seconds=0.5)

order_of = msgspec.json.Decoder(ReplayOrder).decode


class Position(msgspec.Struct):
    """How far a replay got: `after` is the last event sent, `not_before` its pace, `settling` a rebuild's wait for the rest."""

    after: UUID
    until: UUID
    not_before: datetime
    total: int
    forgotten: int = 0
    settling: bool = False


_position = msgspec.json.Decoder(Position)


class Replay:
    """Plans and does replays of one tenant's events.

    `remembered_days`: the inbox's retention. `sent_again_after`: when a rebuild takes an event for lost on its way.
    """

    def __init__(
        self,
        *,
        jobs: JobService,
        consumers: Sequence[Consumer[Any]],
        clock: Clock,
        remembered_days: int,
        sent_again_after: timedelta = timedelta(minutes=5),
    ) -> None:
        self._jobs = jobs
        self._consumers = {consumer.name: consumer for consumer in consumers}
        self._clock = clock
        self._remembered = timedelta(days=remembered_days)
        self._sent_again_after = sent_again_after

    async def plan(self, tx: Tx, tenant_id: UUID, request: ReplayRequest) -> ReplayPlan:
        """What the replay would send, and which of it would have an effect. Raises `Invalid`."""
        order = ordered(request, "", self._consumers, self._clock(), self._remembered)
        scope = scope_of(order, self._consumers)
        subjects = await self._count(tx, tenant_id, scope)
        names = [order.consumer] if order.consumer else sorted(self._consumers)
        pairs = [(subject, name) for name in names for subject in self._consumers[name].subjects()]
        taken = await queries.count_taken(
            tx.conn,
            pair_subjects=[subject for subject, _ in pairs],
            pair_consumers=[name for _, name in pairs],
            tenant_id=tenant_id,
            from_id=scope.from_id,
            until_id=scope.until_id,
            **scope.columns(),
        )
        events = sum(subject.events for subject in subjects)
        return ReplayPlan(
            events,
            -(-events // order.rate_per_second),
            subjects,
            [
                ReplayConsumer(row.consumer, row.events, row.taken, row.events - (0 if order.rebuild else row.taken))
                for row in taken
            ],
        )

    async def start(self, tx: Tx, tenant_id: UUID, request: ReplayRequest, *, asked_by: str) -> JobOut:
        """Queue a replay. Raises `Invalid` with a pointer, `Conflict` where too many jobs wait."""
        order = ordered(request, asked_by, self._consumers, self._clock(), self._remembered)
        return await self._jobs.queue(tx, tenant_id, KIND, order)

    async def step(self, tx: Tx, job: Job) -> Chunk:
        """The next events, or the wait for them; the result after the last."""
        order, now = order_of(job.request), self._clock()
        scope = scope_of(order, self._consumers)
        if job.position is None:
            position = await self._beginning(tx, job, order, scope, now)
            return _chunk(0, position, timedelta())
        position = _position.decode(job.position)
        if now < position.not_before:
            return _chunk(job.done, position, position.not_before - now)
        if position.settling:
            return await self._settle(tx, job, order, scope, position, now)
        return await self._send(tx, job, order, scope, position, now)

    async def _beginning(self, tx: Tx, job: Job, order: ReplayOrder, scope: Scope, now: datetime) -> Position:
        """Where to start. For a rebuild, this is the transaction in which the projection and its inbox forget.

        The rows go first: that waits for handlers that hold them, and what those took is seen by the statement after it. A
        handler that commits later finds no row, makes it anew, and keeps its event.
        """
        before = UUID(int=scope.from_id.int - 1)
        if not order.rebuild:
            total = sum(subject.events for subject in await self._count(tx, job.tenant_id, scope))
            return Position(before, scope.until_id, now, total)
        consumer = consumer_of(order, self._consumers)
        forget = consumer.forget
        if forget is None:
            raise Conflict(f"{consumer.name} is no projection any more; it can't be rebuilt", code="no_projection")
        forgotten = await forget(consumer.service, tx, job.tenant_id, made_at(scope.from_id))
        taken = await queries.forget_taken(
            tx.conn, tenant_id=job.tenant_id, consumer=consumer.name, from_id=scope.from_id
        )
        until, total = first_id_at(now), 0
        if taken is not None:
            total = taken.events
            until = max(until, UUID(int=taken.last_id.int + 1)) if taken.last_id else until
        return Position(before, until, now, total, forgotten)

    async def _send(
        self, tx: Tx, job: Job, order: ReplayOrder, scope: Scope, position: Position, now: datetime
    ) -> Chunk:
        most = min(order.rate_per_second, _MOST_A_CHUNK)
        sent = await queries.replay_events(
            tx.conn,
            tenant_id=job.tenant_id,
            after=position.after,
            until_id=position.until,
            only_untaken=order.rebuild,
            replay_for=order.consumer,
            max_rows=most,
            dispatcher=DISPATCHER,
            **scope.columns(),
        )
        done = job.done + len(sent)
        if sent:
            tx.wake(CHANNEL)
            position.after = sent[-1]
            position.not_before = now + timedelta(seconds=len(sent) / order.rate_per_second)
        if len(sent) < most and not order.rebuild:
            return _finished(done, position)
        if len(sent) < most:
            position.settling, position.after = True, UUID(int=scope.from_id.int - 1)
        return _chunk(done, position, position.not_before - now)

    async def _settle(
        self, tx: Tx, job: Job, order: ReplayOrder, scope: Scope, position: Position, now: datetime
    ) -> Chunk:
        """Wait until the rebuild's consumer has taken everything, and send again what was on its way when it forgot, or got lost."""
        waiting = await queries.untaken_events(
            tx.conn,
            tenant_id=job.tenant_id,
            consumer=order.consumer or "",
            subjects=scope.meant.subjects,
            after=position.after,
            until_id=position.until,
            sent_before=now - self._sent_again_after,
            max_rows=min(order.rate_per_second, _MOST_A_CHUNK),
        )
        if not waiting:
            return _finished(job.done, position)
        position.after = UUID(int=waiting[0].event_id.int - 1)
        overdue = [row.event_id for row in waiting if row.overdue]
        if overdue:
            sent = await queries.send_again(
                tx.conn, tenant_id=job.tenant_id, consumer=order.consumer or "", event_ids=overdue
            )
            tx.wake(CHANNEL)
            position.not_before = now + timedelta(seconds=len(sent) / order.rate_per_second)
        return _chunk(job.done + len(overdue), position, max(position.not_before - now, _POLL))

    async def _count(self, tx: Tx, tenant_id: UUID, scope: Scope) -> list[ReplaySubject]:
        rows = await queries.count_replayable(
            tx.conn, tenant_id=tenant_id, from_id=scope.from_id, until_id=scope.until_id, **scope.columns()
        )
        return [ReplaySubject(row.subject, row.events, row.unpublished) for row in rows]


def _chunk(done: int, position: Position, wait: timedelta) -> Chunk:
    return Chunk(done, max(position.total, done), msgspec.json.encode(position), wait=max(wait, timedelta()))


def _finished(done: int, position: Position) -> Chunk:
    return Chunk(done, done, result=msgspec.json.encode(ReplayResult(done, position.forgotten)))
