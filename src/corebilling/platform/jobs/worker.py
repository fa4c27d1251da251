"""The loop that does jobs: takes one on, chunk after chunk, under a lease that it keeps renewing. Many may run at once."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import DomainError
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.pace import backoff, every
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.errors import is_transient
from corebilling.platform.db.notify import Listener
from corebilling.platform.jobs import metrics
from corebilling.platform.jobs.kinds import Chunk, Ending, Endings, Job, JobHost, Step
from corebilling.platform.jobs.retention import forget_finished
from corebilling.platform.jobs.service import CHANNEL
from corebilling.platform.queries import jobs as queries
from corebilling.platform.queries import models

MOST_ATTEMPTS = 5
"""Takings without a chunk in between, by errors or crashes, after which a job has failed. An absent database doesn't count."""

_POLL_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_GAUGE_SECONDS = 5.0
_FORGET_SECONDS = 3600.0


class _Lost(Exception):
    """The run is over: the job was canceled, or another worker has it. Nothing of the chunk may commit."""


class JobWorker:
    """Does jobs of the kinds that its hosts know. A job that has had its slice goes behind those that wait.

    `endings` by kind of job are told of a job that is over, in the transaction that ends it.
    """

    def __init__(
        self,
        db: Database,
        hosts: Sequence[JobHost[Any]],
        *,
        clock: Clock,
        endings: Endings | None = None,
        lease_seconds: float = 30.0,
        slice_seconds: float = 15.0,
    ) -> None:
        self._db = db
        self._clock = clock
        self._endings = endings or {}
        self._steps: dict[str, tuple[Any, Step[Any]]] = {}
        for host in hosts:
            self._steps |= {kind: (host.service, step) for kind, step in host.table.items()}
        self._lease = timedelta(seconds=lease_seconds)
        self._slice_seconds = slice_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; a chunk that has begun is finished, the rest goes back to the queue."""
        duties = [
            asyncio.create_task(every(_GAUGE_SECONDS, stopping, self._count), name="jobs-due"),
            asyncio.create_task(every(_FORGET_SECONDS, stopping, self._forget), name="jobs-retention"),
        ]
        try:
            async with Listener(self._db.listen_url, CHANNEL).listening(stopping) as listener:
                while not stopping.is_set():
                    await self._turn(listener, stopping)
        finally:
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)

    async def work_once(self, stopping: asyncio.Event | None = None) -> bool:
        """Take on what is due first and do it for a slice; answers whether there was anything to do."""
        now = self._clock()
        async with self._db.system() as tx:
            taken = await queries.take_job(tx.conn, now=now, lease_until=now + self._lease, kinds=sorted(self._steps))
        if taken is None:
            return False
        if taken.attempts > MOST_ATTEMPTS:
            await self._fail(taken, "the work ended abruptly each time it was tried; look at the workers' logs")
            return True
        work = asyncio.create_task(self._work(taken, stopping or asyncio.Event()))
        heart = asyncio.create_task(self._beat(taken))
        try:
            await asyncio.wait({work, heart}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, heart):
                task.cancel()
            results = await asyncio.gather(work, heart, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]
        return True

    async def _turn(self, listener: Listener, stopping: asyncio.Event) -> None:
        try:
            if await self.work_once(stopping):
                return
            seconds = await self._seconds_to_next()
        except Exception as error:  # noqa: BLE001 - a lease that nobody renews ends; the other loops of this process go on
            if is_transient(error):
                logger.warning("jobs wait for the database: {}", error)
            else:
                logger.exception("taking on a job failed; it is tried again")
            seconds = _RETRY_SECONDS
        await listener.wait(seconds)

    async def _seconds_to_next(self) -> float:
        async with self._db.system() as tx:
            following = await queries.next_due_job(tx.conn)
        if following is None:
            return _POLL_SECONDS
        return min(max((following.due_at - self._clock()) / timedelta(seconds=1), 0.05), _POLL_SECONDS)

    async def _work(self, run: models.Job, stopping: asyncio.Event) -> None:
        began, attempts = time.monotonic(), run.attempts
        try:
            while (chunk := await self._chunk(run)).result is None:
                attempts = 1  # it got ahead: this taking counts as the first again
                if chunk.wait or stopping.is_set() or time.monotonic() - began > self._slice_seconds:
                    await self._release(run, chunk.wait, attempts=0)
                    return
        except _Lost:
            logger.info("job {} isn't this worker's any more", run.job_id)
        except Exception as error:  # noqa: BLE001 - the job carries what went wrong; the worker goes on
            await self._stumble(run, error, attempts)

    async def _chunk(self, run: models.Job) -> Chunk:
        """The next chunk with how far it got, both or neither."""
        service, step = self._steps[run.kind]
        async with self._db.tenants({run.tenant_id}) as tx:
            row = await queries.get_job(tx.conn, tenant_id=run.tenant_id, job_id=run.job_id)
            if row is None or row.fence != run.fence or row.state != "running":
                raise _Lost
            job = Job(row.tenant_id, row.job_id, row.request, row.position, row.done, row.total)
            chunk: Chunk = await step(service, tx, job)
            if await self._save(tx, run, chunk) is None:
                raise _Lost
        metrics.JOB_CHUNKS.labels(run.kind).inc()
        if chunk.result is not None:
            metrics.JOBS_FINISHED.labels(run.kind, "succeeded").inc()
        return chunk

    async def _save(self, tx: Tx, run: models.Job, chunk: Chunk) -> UUID | None:
        if chunk.items:
            await queries.add_items(
                tx.conn,
                tenant_id=run.tenant_id,
                job_id=run.job_id,
                item_ids=[new_id() for _ in chunk.items],
                items=list(chunk.items),
            )
        if chunk.result is not None:
            now = self._clock()
            await self._tell(tx, run, chunk.done, "succeeded", now)
            return await queries.succeed_job(
                tx.conn,
                tenant_id=run.tenant_id,
                job_id=run.job_id,
                fence=run.fence,
                done=chunk.done,
                total=chunk.total,
                result=chunk.result.decode(),
                now=now,
            )
        return await queries.save_chunk(
            tx.conn,
            tenant_id=run.tenant_id,
            job_id=run.job_id,
            fence=run.fence,
            done=chunk.done,
            total=chunk.total,
            position=None if chunk.position is None else chunk.position.decode(),
        )

    async def _beat(self, run: models.Job) -> None:
        """Renew the lease until the run isn't ours any more, or until it can't be said to be."""
        valid_until = time.monotonic() + self._lease.total_seconds()
        while time.monotonic() < valid_until:
            await asyncio.sleep(self._lease.total_seconds() / 5)
            started = time.monotonic()
            with suppress(Exception):  # the database may be back before the lease ends
                async with self._db.system() as tx:
                    extended = await queries.extend_lease(
                        tx.conn,
                        tenant_id=run.tenant_id,
                        job_id=run.job_id,
                        fence=run.fence,
                        lease_until=self._clock() + self._lease,
                    )
                if extended is None:
                    return
                valid_until = started + self._lease.total_seconds()

    async def _stumble(self, run: models.Job, error: Exception, attempts: int) -> None:
        if is_transient(error):
            logger.warning("job {} waits for the database: {}", run.job_id, error)
            await self._release(run, backoff(attempts), attempts=attempts - 1)
        elif isinstance(error, DomainError):
            await self._fail(run, error.message)
        else:
            logger.opt(exception=error).error("a chunk of job {} failed", run.job_id)
            if attempts < MOST_ATTEMPTS:
                await self._release(run, backoff(attempts), attempts=attempts)
            else:
                await self._fail(run, f"an unexpected error ({type(error).__name__}); the workers' logs have its trace")

    async def _release(self, run: models.Job, wait: timedelta, *, attempts: int) -> None:
        async with self._db.system() as tx:
            await queries.release_job(
                tx.conn,
                tenant_id=run.tenant_id,
                job_id=run.job_id,
                fence=run.fence,
                attempts=attempts,
                due_at=self._clock() + wait,
            )

    async def _fail(self, run: models.Job, why: str) -> None:
        now = self._clock()
        async with self._db.system() as tx:
            failed = await queries.fail_job(
                tx.conn, tenant_id=run.tenant_id, job_id=run.job_id, fence=run.fence, error=why, now=now
            )
            if failed is not None:
                await self._tell(tx, run, failed, "failed", now)
        if failed is not None:
            metrics.JOBS_FINISHED.labels(run.kind, "failed").inc()

    async def _tell(
        self, tx: Tx, run: models.Job, done: int, outcome: Literal["succeeded", "failed"], now: datetime
    ) -> None:
        if ended := self._endings.get(run.kind):
            await ended(tx, Ending(run.tenant_id, run.job_id, run.request, done, outcome, now))

    async def _count(self) -> None:
        async with self._db.system() as tx:
            metrics.JOBS_DUE.set(await queries.count_due_jobs(tx.conn, now=self._clock()) or 0)

    async def _forget(self) -> None:
        await forget_finished(self._db, self._clock())
