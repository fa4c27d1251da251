"""Routes of rejected usage."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter

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
from corebilling.usage.rejections import RejectionFilter
from corebilling.usage.schemas.rejections import RejectionOut, RejectionsRetry, RetriedOut, RetryAnswer
from corebilling.usage.service import UsageService

_Since = Annotated[datetime | None, QueryParameter(name="from", description="Received from this instant on.")]
_Before = Annotated[datetime | None, QueryParameter(name="to", description="Received before this instant.")]


@get("/v1/usage/rejections", scope="billing:read", summary="List rejected usage")
async def list_usage_rejections(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    code: str | None = None,
    resolved: bool | None = None,
    since: _Since = None,
    before: _Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[RejectionOut]:
    """Newest first, each with the reason and the item as it came: mend the cause and retry, or mend the item and report it."""
    wanted, after = RejectionFilter(code, resolved, since, before), after_id(cursor)
    found = await edge.query(
        lambda tx: usage_service.list_rejections(tx, edge.tenant_id, wanted, after=after, limit=limit + 1)
    )
    return page(found, limit, key=lambda rejection: rejection.id)


@post("/v1/usage/rejections/retry", scope="usage:write", summary="Retry rejected usage", status_code=200)
async def retry_usage_rejections(
    data: RejectionsRetry, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[RetryAnswer]:
    """Up to 1,000 at once, the oldest first: these ids, those of a code, or all that are open."""
    return await edge.command(lambda tx: usage_service.retry_rejections(tx, edge.tenant_id, data), status=200)


@post(
    "/v1/usage/rejections/{rejection_id:uuid}/retry",
    scope="usage:write",
    summary="Retry one rejected event",
    status_code=200,
)
async def retry_usage_rejection(
    rejection_id: UUID, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[RetriedOut]:
    """It is judged as if it came now; if it is rejected again it stays, with the new reason."""
    return await edge.command(lambda tx: usage_service.retry_rejection(tx, edge.tenant_id, rejection_id), status=200)


ROUTES = (list_usage_rejections, retry_usage_rejections, retry_usage_rejection)
