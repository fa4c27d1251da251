"""The dispatcher: publishes what the outbox holds, in order for each resource, as fast as the bus takes it.

Up to three batches are on their way at once: one is being marked, one published, one claimed. Only one publishes at a
time, so order holds. A bus in trouble is waited for, and no event is blamed for it (docs/outbox.md).
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from loguru import logger
from opentelemetry import trace as otel

from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import first_id_at
from corebilling.platform.bus import metrics, trace, wire
from corebilling.platform.bus.handlers import Subscriptions
from corebilling.platform.bus.leases import Lease, Leases
from corebilling.platform.bus.outbox import CHANNEL
from corebilling.platform.bus.pace import backoff, every, pause
from corebilling.platform.bus.port import Bus, BusUnavailable, Outcome, PublishResult
from corebilling.platform.bus.publishing import Marks
from corebilling.platform.bus.sweep import Housekeeping
from corebilling.platform.db import Database
from corebilling.platform.db.errors import is_transient
from corebilling.platform.db.notify import Listener
from corebilling.platform.queries import outbox as queries
from corebilling.platform.queries.outbox import ClaimEventsRow

BATCH = 1000
_BATCHES_ON_THEIR_WAY = 3
_PER_SHARD = 250
_LOOK_BEHIND = timedelta(minutes=1)
_FULL_SCAN_SECONDS = 3.0
_POLL_SECONDS = 0.5
_SHORTEST_TURN_SECONDS = 0.02
"""A turn costs a millisecond of CPU, however few its events: those of a steady trickle travel together."""
_LONGEST_TROUBLE_SECONDS = 10.0
_NOTHING_READ = UUID(int=0)

_tracer = otel.get_tracer("corebilling.dispatcher")


class Dispatcher:
    """One dispatcher; any number may run, they share the shards. `subscriptions` tells the sweep who must get what."""

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        clock: Clock,
        subscriptions: Subscriptions,
        durable: str = "billing-consumer",
        sweep_after: timedelta = timedelta(minutes=5),
        sweep_every: timedelta = timedelta(seconds=30),
        lease_seconds: float = 5.0,
        retention_days: int = 14,
    ) -> None:
        self.leases = Leases(db, ttl_seconds=lease_seconds)
        self._db = db
        self._bus = bus
        self._clock = clock
        self._marks = Marks(db, clock, self.leases.owner)
        self._housekeeping = Housekeeping(
            db=db, bus=bus, clock=clock, subscriptions=subscriptions, durable=durable, leases=self.leases,
            sweep_after=sweep_after, sweep_every=sweep_every, retention_days=retention_days,
        )  # fmt: skip
        self._in_flight: dict[UUID, int] = {}
        self._waiting: dict[UUID, datetime] = {}
        self._publishing = asyncio.Lock()
        self._trouble = 0
        self._upsets = 0
        self._next_full_scan = 0.0
        self._first_shard = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Dispatch until told to stop; then finish what is in flight and give the shards back."""
        await self._bus.connect()
        halt = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks, Listener(self._db.listen_url, CHANNEL).listening() as listener:
                beat = self.leases.ttl_seconds / 4
                tasks.create_task(every(beat, halt, lambda: self._keep_leases(listener)), name="outbox-leases")
                for name, seconds, work in self._housekeeping.duties():
                    tasks.create_task(every(seconds, halt, work), name=name)
                tasks.create_task(_wake_at_the_end(stopping, halt, listener), name="outbox-stop")
                try:
                    await self._loop(stopping, listener)
                finally:
                    halt.set()
        finally:
            await self._give_back()

    async def _loop(self, stopping: asyncio.Event, listener: Listener) -> None:
        room = asyncio.Semaphore(_BATCHES_ON_THEIR_WAY)
        async with asyncio.TaskGroup() as batches:
            while not stopping.is_set():
                if self._trouble:  # nothing was acknowledged since: knock, but not too often
                    await pause(stopping, backoff(self._trouble, longest=_LONGEST_TROUBLE_SECONDS).total_seconds())
                await room.acquire()
                leases = self.leases.usable()
                rows = await self._claim(leases)
                if rows:
                    batches.create_task(self._deliver(rows, leases, self._upsets, room), name="outbox-batch")
                else:
                    room.release()
                    if not self._in_flight:
                        self._trouble = 0
                if len(rows) < BATCH:
                    turn = asyncio.create_task(asyncio.sleep(_SHORTEST_TURN_SECONDS if rows else 0))
                    await listener.wait(_POLL_SECONDS)
                    await turn

    async def _claim(self, leases: dict[int, Lease]) -> Sequence[ClaimEventsRow]:
        """The next batch: in order within each shard, the shards taking turns to be first."""
        if not leases:
            return []
        now, instant = self._clock(), asyncio.get_running_loop().time()
        full = instant >= self._next_full_scan
        shards = sorted(leases, key=lambda shard: (shard < self._first_shard, shard))
        try:
            async with self._db.system() as tx:
                if full:
                    waiting = await queries.waiting_resources(tx.conn, shards=shards, now=now)
                    self._waiting = {row.resource_id: row.until for row in waiting}
                rows = await queries.claim_events(
                    tx.conn,
                    shards=shards,
                    low_waters=[_NOTHING_READ if full else leases[shard].low_water for shard in shards],
                    now=now,
                    waiting_resources=[resource for resource, until in self._waiting.items() if until > now],
                    in_flight=list(self._in_flight),
                    per_shard=max(_PER_SHARD, -(-BATCH // len(shards))),
                    max_rows=BATCH,
                )
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("the outbox can't be read, trying again: {}", error)
            return []
        if full:
            self._next_full_scan = instant + _FULL_SCAN_SECONDS
        self._advance(leases, rows, now)
        self._in_flight.update((row.event_id, row.shard) for row in rows)
        metrics.IN_FLIGHT.set(len(self._in_flight))
        return rows

    def _advance(self, leases: dict[int, Lease], rows: Sequence[ClaimEventsRow], now: datetime) -> None:
        """Move the low-water marks: to the first event found, but never nearer than a minute to the present, because
        a transaction may commit an id that is older than those already read. Older ones are found by the full scans."""
        first: dict[int, UUID] = {}
        for row in rows:
            first.setdefault(row.shard, row.event_id)
        horizon = first_id_at(now - _LOOK_BEHIND)
        complete = len(rows) < BATCH
        for shard, lease in leases.items():
            if shard in first:
                before = UUID(int=first[shard].int - 1)
                lease.low_water = max(lease.low_water, min(horizon, before))
            elif complete:
                lease.low_water = max(lease.low_water, horizon)
        if not complete:
            self._first_shard = rows[-1].shard + 1

    async def _deliver(
        self, rows: Sequence[ClaimEventsRow], leases: dict[int, Lease], upsets: int, room: asyncio.Semaphore
    ) -> None:
        try:
            async with self._publishing:
                results = await self._publish(rows, upsets)
            tokens = {shard: lease.token for shard, lease in leases.items()}
            for row, until in await self._marks.record(rows, results, tokens):
                self._waiting[row.resource_id] = until
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("published events can't be marked and are published again under the same ids: {}", error)
            self._next_full_scan = 0.0
        finally:
            for row in rows:
                self._in_flight.pop(row.event_id, None)
            metrics.IN_FLIGHT.set(len(self._in_flight))
            room.release()

    async def _publish(self, rows: Sequence[ClaimEventsRow], upsets: int) -> Sequence[PublishResult]:
        """Publish, unless the bus got into trouble since the claim: then nothing may overtake what was stuck."""
        if upsets != self._upsets:
            return [PublishResult(Outcome.HELD_BACK)] * len(rows)
        messages = [wire.encode(row) for row in rows]
        try:
            results = await self._traced(messages)
        except BusUnavailable as error:
            results = [PublishResult(Outcome.UNKNOWN, str(error))] * len(rows)
        unknown = [result for result in results if result.outcome is Outcome.UNKNOWN]
        if unknown:
            self._trouble += 1
            self._upsets += 1
            self._next_full_scan = 0.0
            metrics.DISPATCH_ERRORS.labels("bus").inc(len(unknown))
            logger.warning("{} events wait for the bus: {}", len(unknown), unknown[0].error)
        else:
            self._trouble = 0
        return results

    async def _traced(self, messages: list[Any]) -> Sequence[PublishResult]:
        if not trace.tracing_is_on():
            return await self._bus.publish(messages)
        with _tracer.start_as_current_span(
            "outbox publish", attributes={"messaging.batch.message_count": len(messages)}
        ):
            return await self._bus.publish(messages)

    async def _keep_leases(self, listener: Listener) -> None:
        before = len(self.leases.usable())
        await self.leases.keep(busy=set(self._in_flight.values()))
        if len(self.leases.usable()) > before:
            self._next_full_scan = 0.0
            listener.wake()

    async def _give_back(self) -> None:
        try:
            await self.leases.give_back()
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("the shards can't be given back, they expire by themselves: {}", error)


async def _wake_at_the_end(stopping: asyncio.Event, halt: asyncio.Event, listener: Listener) -> None:
    while not stopping.is_set() and not halt.is_set():
        await pause(stopping, _POLL_SECONDS)
    listener.wake()
