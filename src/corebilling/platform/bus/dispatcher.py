"""The dispatcher: publishes what the outbox holds, in order for each resource, as fast as the bus takes it.

Up to three batches are on their way at once: one is being marked, one published, one claimed. Only one publishes at a
time, so order holds. A bus in trouble is waited for, and no event is blamed for it (docs/outbox.md). What is claimed next says claims.py.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from loguru import logger
from opentelemetry import trace as otel

from corebilling.kernel.clock import Clock
from corebilling.platform.bus import metrics, trace, wire
from corebilling.platform.bus.claims import Claimed, Claims
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

_BATCHES_ON_THEIR_WAY = 3
_POLL_SECONDS = 0.5
_SHORTEST_TURN_SECONDS = 0.02
"""A turn costs a millisecond of CPU, however few its events: those of a steady trickle travel together."""
_LONGEST_TROUBLE_SECONDS = 10.0
_HELD_BACK = PublishResult(Outcome.HELD_BACK)

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
        inbox_retention_days: int = 29,
    ) -> None:
        self.leases = Leases(db, ttl_seconds=lease_seconds)
        self._db = db
        self._bus = bus
        self._claims = Claims(db, clock, self.leases)
        self._marks = Marks(db, clock, self.leases.owner)
        self._housekeeping = Housekeeping(
            db=db, bus=bus, clock=clock, subscriptions=subscriptions, durable=durable, leases=self.leases,
            sweep_after=sweep_after, sweep_every=sweep_every, retention_days=retention_days,
            inbox_retention_days=inbox_retention_days,
        )  # fmt: skip
        self._publishing = asyncio.Lock()
        self._trouble = 0
        self._upsets = 0
        """How often an event was not taken, or its mark not known to be made."""

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
        room, upsets = asyncio.Semaphore(_BATCHES_ON_THEIR_WAY), self._upsets
        async with asyncio.TaskGroup() as batches:
            while not stopping.is_set():
                if self._trouble:  # nothing was acknowledged since: knock, but not too often
                    await pause(stopping, backoff(self._trouble, longest=_LONGEST_TROUBLE_SECONDS).total_seconds())
                await room.acquire()
                while upsets != self._upsets:
                    upsets = self._upsets
                    await self._settle_down(room)
                leases = self.leases.usable()
                rows = await self._claims.next(leases)
                if rows:
                    batches.create_task(self._deliver(rows, leases, upsets, room), name="outbox-batch")
                else:
                    room.release()
                    if not self._claims.in_flight:
                        self._trouble = 0
                if not self._claims.more:
                    turn = asyncio.create_task(asyncio.sleep(_SHORTEST_TURN_SECONDS if rows else 0))
                    await listener.wait(_POLL_SECONDS)
                    await turn

    async def _settle_down(self, room: asyncio.Semaphore) -> None:
        """Wait until nothing is on its way, and read from the beginning: what is in flight isn't read, and what is not yet
        recorded not known, so later events of the same resources would overtake it."""
        others = range(_BATCHES_ON_THEIR_WAY - 1)
        for _ in others:
            await room.acquire()
        for _ in others:
            room.release()
        self._claims.scan_soon()

    async def _deliver(
        self, rows: Sequence[Claimed], leases: dict[int, Lease], upsets: int, room: asyncio.Semaphore
    ) -> None:
        try:
            async with self._publishing:
                results = await self._publish(rows, upsets)
            tokens = {shard: lease.token for shard, lease in leases.items()}
            await self._marks.record(rows, results, tokens)
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("published events can't be marked and are published again under the same ids: {}", error)
            self._upsets += 1
        finally:
            self._claims.settle(rows)
            room.release()

    async def _publish(self, rows: Sequence[Claimed], upsets: int) -> Sequence[PublishResult]:
        """Publish, unless something wasn't taken since the claim: then nothing may overtake that."""
        if upsets != self._upsets:
            return [_HELD_BACK] * len(rows)
        try:
            results = await self._traced([wire.encode(row) for row in rows])
        except BusUnavailable as error:
            results = [PublishResult(Outcome.UNKNOWN, str(error))] * len(rows)
        if any(result.outcome is not Outcome.ACKNOWLEDGED for result in results):
            self._upsets += 1
        unknown = [result for result in results if result.outcome is Outcome.UNKNOWN]
        if unknown:
            self._trouble += 1
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
        before = self.leases.usable()
        await self.leases.keep(busy=set(self._claims.in_flight.values()))
        if any(before.get(shard) is not lease for shard, lease in self.leases.usable().items()):
            self._claims.scan_soon()
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
