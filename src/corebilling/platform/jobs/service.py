"""Jobs as their tenant sees them: queued, looked at, canceled."""

from collections.abc import Sequence
from typing import get_args
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.platform.jobs.kinds import Ending, Endings
from corebilling.platform.jobs.schemas import JobOut, Progress
from corebilling.platform.jobs.states import JobState
from corebilling.platform.queries import jobs as queries
from corebilling.platform.queries import models

CHANNEL = "jobs"
"""NOTIFY channel: a job was queued."""

MOST_UNFINISHED = 10
"""Jobs that a tenant may have queued and running at a time."""

_STATES: dict[str, JobState] = {state: state for state in get_args(JobState)}


class JobService:
    """The queue's side that callers see. `endings` by kind of job are told of a job that is canceled."""

    def __init__(self, *, clock: Clock, endings: Endings | None = None) -> None:
        self._clock = clock
        self._endings = endings or {}

    async def queue(self, tx: Tx, tenant_id: UUID, kind: str, request: msgspec.Struct) -> JobOut:
        """A new job. Raises `Conflict` where the tenant has too many that aren't finished."""
        row = await queries.add_job(
            tx.conn,
            tenant_id=tenant_id,
            job_id=new_id(),
            kind=kind,
            request=msgspec.json.encode(request).decode(),
            created_at=self._clock(),
            most_unfinished=MOST_UNFINISHED,
        )
        if row is None:
            raise Conflict(
                f"{MOST_UNFINISHED} jobs are queued or running; wait for one to finish or cancel one",
                code="too_many_jobs",
            )
        tx.wake(CHANNEL)
        return _shown(row)

    async def get(self, tx: Tx, tenant_id: UUID, job_id: UUID) -> JobOut:
        """One job. Raises `NotFound`."""
        return _shown(_found(await queries.get_job(tx.conn, tenant_id=tenant_id, job_id=job_id), job_id))

    async def find(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        kind: str | None = None,
        state: JobState | None = None,
    ) -> list[JobOut]:
        """Jobs, newest first."""
        rows = await queries.list_jobs(
            tx.conn, tenant_id=tenant_id, before_id=after, kind=kind, state=state, page_size=limit
        )
        return [_shown(row) for row in rows]

    async def items(
        self, tx: Tx, tenant_id: UUID, job_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, msgspec.Raw]]:
        """What a job found so far, each with its id, in the order of being found. Raises `NotFound`."""
        await self.get(tx, tenant_id, job_id)
        rows = await queries.list_items(tx.conn, tenant_id=tenant_id, job_id=job_id, after_id=after, page_size=limit)
        return [(row.item_id, msgspec.Raw(row.item.encode())) for row in rows]

    async def cancel(self, tx: Tx, tenant_id: UUID, job_id: UUID) -> JobOut:
        """End a job that isn't finished; one that is canceled already stays so. Raises `NotFound`, `Conflict` for a finished one."""
        now = self._clock()
        row = await queries.cancel_job(tx.conn, tenant_id=tenant_id, job_id=job_id, now=now)
        if row is not None:
            if ended := self._endings.get(row.kind):
                await ended(tx, Ending(tenant_id, job_id, row.request, row.done, "canceled", now))
            return _shown(row)
        job = await self.get(tx, tenant_id, job_id)
        if job.state != "canceled":
            raise Conflict(f"the job has {job.state}; a finished job can't be canceled", code="job_finished")
        return job


def _found(row: models.Job | None, job_id: UUID) -> models.Job:
    if row is None:
        raise NotFound(f"there is no job {job_id}; GET /v1/jobs lists them", code="job_not_found")
    return row


def _shown(row: models.Job) -> JobOut:
    return JobOut(
        id=row.job_id,
        kind=row.kind,
        state=_STATES[row.state],
        progress=Progress(row.done, row.total),
        request=msgspec.Raw(row.request.encode()),
        result=None if row.result is None else msgspec.Raw(row.result.encode()),
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
