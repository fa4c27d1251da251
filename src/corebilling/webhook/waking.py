"""When a worker looks for due deliveries again before its next poll."""

import asyncio
from datetime import datetime

from corebilling.kernel.clock import Clock
from corebilling.platform.db.notify import Listener


class Waking:
    """Timers that wake one listener: coarse ones for what is due at an instant, and a fine one for paces."""

    def __init__(self, listener: Listener, clock: Clock, *, poll_seconds: float) -> None:
        self._listener = listener
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._ticks: dict[int, asyncio.TimerHandle] = {}
        self._soonest: asyncio.TimerHandle | None = None

    def at(self, due_at: datetime) -> None:
        """Wake when something is due before the next poll; at most one timer for each tenth of a second."""
        seconds = (due_at - self._clock()).total_seconds()
        if seconds <= 0:
            self._listener.wake()
        elif seconds < self._poll_seconds:
            tick = int(due_at.timestamp() * 10) + 1
            if tick not in self._ticks:
                self._ticks[tick] = asyncio.get_running_loop().call_later(seconds + 0.1, self._wake, tick)

    def within(self, seconds: float) -> None:
        """Wake after that time, or earlier where that was asked for already."""
        loop = asyncio.get_running_loop()
        if self._soonest is not None and loop.time() < self._soonest.when() <= loop.time() + seconds:
            return
        if self._soonest is not None:
            self._soonest.cancel()
        self._soonest = loop.call_later(seconds, self._listener.wake)

    def stop(self) -> None:
        """Forget every timer."""
        for handle in [*self._ticks.values(), *([self._soonest] if self._soonest else [])]:
            handle.cancel()

    def _wake(self, tick: int) -> None:
        self._ticks.pop(tick, None)
        self._listener.wake()
