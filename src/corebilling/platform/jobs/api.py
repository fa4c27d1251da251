"""Routes of jobs: how far they are, what they found, and stopping them."""

from uuid import UUID

import msgspec

from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    get,
    page,
    post,
)
from corebilling.platform.http.pagination import cursor_of
from corebilling.platform.jobs.schemas import JobOut
from corebilling.platform.jobs.service import JobService
from corebilling.platform.jobs.states import JobState


@get("/v1/jobs", scope="billing:admin", summary="List jobs")
async def list_jobs(
    edge: NamedDependency[Edge],
    job_service: NamedDependency[JobService],
    kind: str | None = None,
    status: JobState | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[JobOut]:
    """Newest first; `status` finds those in that state. A finished job is kept for 30 days."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: job_service.find(tx, edge.tenant_id, after=after, limit=limit + 1, kind=kind, state=status)
    )
    return page(found, limit, key=lambda job: job.id)


@get("/v1/jobs/{job_id:uuid}", scope="billing:admin", summary="Get a job")
async def get_job(job_id: UUID, edge: NamedDependency[Edge], job_service: NamedDependency[JobService]) -> JobOut:
    """One job with its progress, and its result once it has succeeded."""
    return await edge.query(lambda tx: job_service.get(tx, edge.tenant_id, job_id))


@get("/v1/jobs/{job_id:uuid}/items", scope="billing:admin", summary="List what a job found")
async def list_job_items(
    job_id: UUID,
    edge: NamedDependency[Edge],
    job_service: NamedDependency[JobService],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[msgspec.Raw]:
    """In the order of being found, while the job runs too. What an item holds is said where the job is started."""
    after = after_id(cursor)
    found = await edge.query(lambda tx: job_service.items(tx, edge.tenant_id, job_id, after=after, limit=limit + 1))
    shown = found[:limit]
    return Page([item for _, item in shown], cursor_of(shown[-1][0].bytes) if len(found) > limit else None)


@post("/v1/jobs/{job_id:uuid}/cancel", scope="billing:admin", summary="Cancel a job", status_code=200)
async def cancel_job(
    job_id: UUID, edge: NamedDependency[Edge], job_service: NamedDependency[JobService]
) -> Response[JobOut]:
    """Ends it where it is: what it found so far stays, nothing more is added."""
    return await edge.command(lambda tx: job_service.cancel(tx, edge.tenant_id, job_id), status=200)


ROUTES = (list_jobs, get_job, list_job_items, cancel_job)
