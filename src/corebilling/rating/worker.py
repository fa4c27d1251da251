"""The live rater: a loop that rates what usage has touched, once its debounce is over. Many may run at once."""

import asyncio
import time
from datetime import timedelta

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.platform.bus.pace import pause
from corebilling.platform.db import Database
from corebilling.platform.db.errors import is_transient
from corebilling.platform.db.notify import Listener
from corebilling.rating.live import DUE_CHANNEL
from corebilling.rating.queries import due as queries
from corebilling.rating.service import RatingService

_POLL_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_LONGEST_REST_SECONDS = 1.0


class LiveRater:
    """Claims, commits, rates: usage that comes after the claim is due anew, and a crash leaves what was due to be claimed again."""

    def __init__(self, db: Database, service: RatingService, *, clock: Clock, batch_size: int = 500) -> None:
        self._db = db
        self._service = service
        self._clock = clock
        self._batch_size = batch_size

    async def run(self, stopping: asyncio.Event) -> None:
        """Rate until `stopping` is set; a batch that has begun is finished."""
        async with Listener(self._db.listen_url, DUE_CHANNEL).listening(stopping) as listener:
            while not stopping.is_set():
                await self._turn(listener, stopping)

    async def _turn(self, listener: Listener, stopping: asyncio.Event) -> None:
        try:
            started = time.monotonic()
            if await self.retry_once() + await self.rate_once():
                # Live charges are for the eye: closing periods and taking usage in go first.
                await pause(stopping, min(time.monotonic() - started, _LONGEST_REST_SECONDS))
                return
            seconds = await self._seconds_to_next()
        except Exception as error:  # noqa: BLE001 - what is due stays due; the other loops of this process go on
            if is_transient(error):
                logger.warning("live rating waits for the database: {}", error)
            else:
                logger.exception("live rating failed; it is tried again")
            seconds = _RETRY_SECONDS
        await listener.wait(seconds)

    async def rate_once(self) -> int:
        """Rate one batch of what is due; answers how many subscriptions were rated."""
        async with self._db.system() as tx:
            claim = await self._service.live.claim(tx, self._batch_size)
        if not claim.rows:
            return 0
        async with self._db.tenants({row.tenant_id for row in claim.rows}) as tx:
            await self._service.live.rate(tx, claim)
        return len(claim.rows)

    async def retry_once(self) -> int:
        """Rate one batch of the failed periods that somebody asked to rate again; answers how many there were."""
        async with self._db.system() as tx:
            tenant_ids = await self._service.failures.tenants_to_retry(tx, self._batch_size)
        if not tenant_ids:
            return 0
        async with self._db.tenants(tenant_ids) as tx:
            return await self._service.closing.retry(tx, tenant_ids, self._batch_size)

    async def backlog(self) -> int:
        """How many subscriptions are due, for the queue depth."""
        async with self._db.system() as tx:
            return await queries.count_due(tx.conn, now=self._clock()) or 0

    async def _seconds_to_next(self) -> float:
        async with self._db.system() as tx:
            following = await queries.next_due(tx.conn)
        if following is None:
            return _POLL_SECONDS
        return min(max((following.due_at - self._clock()) / timedelta(seconds=1), 0.01), _POLL_SECONDS)
