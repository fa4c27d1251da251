"""Who may have a connection now. Endpoints that answer quickly always may; the others wait for their share.

Without shares, some hundred dead endpoints would hold every connection until their time-outs, and everybody would wait.
A quarter is for endpoints that this worker doesn't know yet, half for those in trouble. A post to an unknown one that lasts
moves over to the second share as soon as that has room, so that dead endpoints don't shut the door on new ones.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from corebilling.webhook.lanes import SLOW_SECONDS, Lane


class Gates:
    """The shares of one worker's connections."""

    def __init__(self, connections: int) -> None:
        self._unknown = asyncio.Semaphore(max(1, connections // 4))
        self._troubled = asyncio.Semaphore(max(1, connections // 2))

    @asynccontextmanager
    async def passing(self, lane: Lane) -> AsyncIterator[None]:
        """Hold a place of the lane's share while the block lasts; those that answer quickly needn't ask."""
        if lane.standing == "troubled":
            async with self._troubled:
                yield
        else:
            async with self._first_post(lane):
                yield

    @asynccontextmanager
    async def _first_post(self, lane: Lane) -> AsyncIterator[None]:
        await self._unknown.acquire()
        held = [self._unknown]
        mover = asyncio.create_task(self._move_over(lane, held))
        try:
            yield
        finally:
            mover.cancel()
            held[0].release()

    async def _move_over(self, lane: Lane, held: list[asyncio.Semaphore]) -> None:
        await asyncio.sleep(SLOW_SECONDS)
        lane.standing = "troubled"
        await self._troubled.acquire()
        held[0].release()
        held[0] = self._troubled
