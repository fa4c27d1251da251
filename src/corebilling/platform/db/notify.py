"""NOTIFY after commit, from one coalescing task with a connection of its own.

NOTIFY inside a transaction takes a lock over the whole database at commit and serialises every writer: 820
transactions a second against 20,300 (measured with commits of 1 ms). So a committed transaction only says that
a channel wants waking, and however many did so since, one NOTIFY goes out. A lost one costs a poll interval.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
from loguru import logger
from psycopg import AsyncConnection, sql

from corebilling.platform.db.connecting import CONNECTION_OPTIONS

_RECONNECT_SECONDS = 1.0


class Notifier:
    """Sends coalesced wake-ups."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wanted: set[str] = set()
        self._pending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the sending task."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="notifier")

    async def stop(self) -> None:
        """Stop; what was not sent is found by the pollers."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def wake(self, channel: str) -> None:
        """Ask for a NOTIFY on the channel, soon and at least once after this call."""
        self._wanted.add(channel)
        self._pending.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._wanted

    async def _run(self) -> None:
        while True:
            await self._pending.wait()
            try:
                async with await AsyncConnection.connect(self._url, **CONNECTION_OPTIONS) as conn:
                    await self._send(conn)
            except psycopg.Error as error:
                logger.warning("notifications are paused, pollers take over: {}", error)
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _send(self, conn: AsyncConnection) -> None:
        while True:
            await self._pending.wait()
            self._pending.clear()
            wanted, self._wanted = self._wanted, set()
            try:
                for channel in wanted:
                    await conn.execute(sql.SQL("NOTIFY {}").format(sql.Identifier(channel)))
            except psycopg.Error:
                self._wanted |= wanted
                self._pending.set()
                raise


class Listener:
    """Turns NOTIFY on a channel into wake-ups of one waiting task, with a poll interval as the fallback."""

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._woken = asyncio.Event()

    @asynccontextmanager
    async def listening(self, stopping: asyncio.Event | None = None) -> AsyncIterator["Listener"]:
        """Listen for as long as the block lasts, reconnecting when the database goes away; `stopping` wakes the waiter too."""
        tasks = [asyncio.create_task(self._run(), name=f"listen:{self._channel}")]
        if stopping is not None:
            tasks.append(asyncio.create_task(self._wake_when(stopping), name=f"stop:{self._channel}"))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Wake the waiter from inside the process."""
        self._woken.set()

    async def wait(self, poll_seconds: float) -> None:
        """Return at the next wake-up, at the latest after the poll interval."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), poll_seconds)
        self._woken.clear()

    async def _wake_when(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.wake()

    async def _run(self) -> None:
        while True:
            try:
                async with await AsyncConnection.connect(self._url, **CONNECTION_OPTIONS) as conn:
                    await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
                    self._woken.set()
                    async for _ in conn.notifies():
                        self._woken.set()
            except psycopg.Error as error:
                logger.warning("listening on {} is interrupted, polling goes on: {}", self._channel, error)
            await asyncio.sleep(_RECONNECT_SECONDS)
