"""The scheduler's loop: closes due cycles, wakes subscriptions, tells late usage, advances test clocks, runs periodic duties.

Many may run at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from loguru import logger

from corebilling.platform.bus.pace import pause
from corebilling.platform.db import Database
from corebilling.platform.db.errors import is_transient
from corebilling.platform.db.notify import Listener
from corebilling.scheduler import metrics
from corebilling.scheduler.clocks import TestClocks
from corebilling.scheduler.closing import Closing
from corebilling.scheduler.late import LateUsage
from corebilling.scheduler.service import CHANNEL
from corebilling.scheduler.waking import WakeUps

_POLL_SECONDS = 1.0
_ADVANCING_SECONDS = 0.05
_DEPTH_SECONDS = 5.0


class Duty(msgspec.Struct, frozen=True):
    """Work to be done every so often, such as dropping old partitions. It may run in several processes at once."""

    name: str
    interval_seconds: float
    work: Callable[[], Awaitable[None]]


class SchedulerWorker:
    """Closes, wakes and advances in turn. `duties` are other parts' periodic work that this loop takes along."""

    def __init__(
        self,
        db: Database,
        closing: Closing,
        wake_ups: WakeUps,
        late: LateUsage,
        clocks: TestClocks,
        *,
        duties: Sequence[Duty] = (),
    ) -> None:
        self._db = db
        self._closing = closing
        self._late = late
        self._wake_ups = wake_ups
        self._clocks = clocks
        self._duties = (Duty("queue-depth", _DEPTH_SECONDS, self._count), *duties)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; a batch that has begun is finished."""
        async with Listener(self._db.listen_url, CHANNEL).listening(stopping) as listener:
            tasks = [asyncio.create_task(_repeat(duty, stopping), name=duty.name) for duty in self._duties]
            try:
                while not stopping.is_set():
                    await self._turn(listener)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _turn(self, listener: Listener) -> None:
        started = time.monotonic()
        try:
            closed = await self._wake_ups.wake_once() + await self._closing.close_once()
            closed += await self._late.tell_once()
            moved, advancing = await self._clocks.advance_once()
        except Exception as error:  # noqa: BLE001 - what is due stays due; the other loops of this process go on
            _log(error, "closing billing cycles")
            await listener.wait(_POLL_SECONDS)
            return
        if closed or moved:
            return
        # Asking whether all is handled takes longer the more there is to handle; it shall not keep a core busy.
        busy_seconds = 4 * (time.monotonic() - started)
        seconds = min(max(_ADVANCING_SECONDS, busy_seconds), _POLL_SECONDS) if advancing else _POLL_SECONDS
        await listener.wait(seconds)

    async def _count(self) -> None:
        metrics.QUEUE_DEPTH.labels("billing_cycles").set(await self._closing.count_due())


async def _repeat(duty: Duty, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await duty.work()
        except Exception as error:  # noqa: BLE001 - one duty's failure is tried again and stops nobody else
            _log(error, duty.name)
        await pause(stopping, duty.interval_seconds)


def _log(error: Exception, what: str) -> None:
    if is_transient(error):
        logger.warning("{} waits for the database: {}", what, error)
    else:
        logger.opt(exception=error).error("{} failed; it is tried again", what)
