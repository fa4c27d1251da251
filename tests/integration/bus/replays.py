"""A desk at which tests order replays and do them, with a clock of their own."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.eventlog.jobs import ENDINGS, JOBS
from corebilling.platform.eventlog.replaying import KIND, Replay
from corebilling.platform.eventlog.schemas_replay import ReplayRequest
from corebilling.platform.jobs.kinds import JobHost
from corebilling.platform.jobs.schemas import JobOut
from corebilling.platform.jobs.service import JobService
from corebilling.platform.jobs.worker import JobWorker


class Desk:
    """Replays of one database, with a clock that runs ahead of the wall's when a test says so."""

    def __init__(self, db: Database, *consumers: Consumer[Any]) -> None:
        self.db = db
        self.ahead = timedelta()
        self.jobs = JobService(clock=self.now, endings=ENDINGS)
        self.replay = Replay(jobs=self.jobs, consumers=consumers, clock=self.now, remembered_days=21)

    def now(self) -> datetime:
        return wall_clock() + self.ahead

    def worker(self, step: Any = JOBS[KIND], **wanted: float) -> JobWorker:
        return JobWorker(
            self.db,
            [JobHost(self.replay, {KIND: step})],
            clock=self.now,
            endings=ENDINGS,
            **{"lease_seconds": 30.0, **wanted},
        )

    async def start(self, tenant: UUID, **wanted: Any) -> UUID:
        request = ReplayRequest(start=self.now() - timedelta(hours=1), reason="a test", **wanted)
        async with self.db.tenant(tenant) as tx:
            return (await self.replay.start(tx, tenant, request, asked_by="a test")).id

    async def look(self, tenant: UUID, job_id: UUID) -> JobOut:
        async with self.db.tenant(tenant) as tx:
            return await self.jobs.get(tx, tenant, job_id)

    async def done(self, tenant: UUID, job_id: UUID) -> JobOut:
        """The job once it is over, worked on here."""
        worker = self.worker()
        async with asyncio.timeout(30):
            while (job := await self.look(tenant, job_id)).state in ("queued", "running"):
                await worker.work_once()
                await asyncio.sleep(0.01)
        return job
