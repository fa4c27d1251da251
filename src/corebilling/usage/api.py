"""Routes of usage: meters, reporting, and looking at what was reported."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar.connection import Request
from litestar.params import QueryParameter

from corebilling.kernel.errors import Conflict, DomainError, FieldError, Invalid, TooMany
from corebilling.platform.db import Tx
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
    require_content_type,
)
from corebilling.usage import quotas_api
from corebilling.usage.decode import CLOUD_EVENT, CLOUD_EVENTS, JSON, decode
from corebilling.usage.domain.cursor import after_event, next_cursor
from corebilling.usage.domain.event import ItemResult
from corebilling.usage.domain.quota import QUOTA_EXCEEDED
from corebilling.usage.domain.windows import Window, require_aware
from corebilling.usage.intake import UsageIntake
from corebilling.usage.reading import EventFilter, TotalsQuestion
from corebilling.usage.schemas import (
    MeterCreate,
    MeterOut,
    RejectionOut,
    UsageAnswer,
    UsageEventOut,
    UsageTotals,
)
from corebilling.usage.service import UsageService

_From = Annotated[datetime, QueryParameter(name="from", description="The first instant; a whole hour in UTC.")]
_To = Annotated[datetime, QueryParameter(name="to", description="The instant after the last; a whole hour in UTC.")]
_Since = Annotated[datetime | None, QueryParameter(name="from", description="Events from this timestamp on.")]
_Before = Annotated[datetime | None, QueryParameter(name="to", description="Events before this timestamp.")]


@post("/v1/meters", scope="billing:write", summary="Create a meter")
async def create_meter(
    data: MeterCreate, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[MeterOut]:
    """A meter never changes, because what it counted was billed by it."""
    return await edge.command(lambda tx: usage_service.create_meter(tx, edge.tenant_id, data), status=201)


@get("/v1/meters", scope="billing:read", summary="List meters")
async def list_meters(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    code: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[MeterOut]:
    """Newest first."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: usage_service.list_meters(tx, edge.tenant_id, after=after, limit=limit + 1, code=code)
    )
    return page(found, limit, key=lambda meter: meter.id)


@get("/v1/meters/{meter_id:uuid}", scope="billing:read", summary="Get a meter")
async def get_meter(
    meter_id: UUID, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> MeterOut:
    """One meter."""
    return await edge.query(lambda tx: usage_service.get_meter(tx, edge.tenant_id, meter_id))


@post("/v1/usage", scope="usage:write", status_code=202, summary="Report usage")
async def report_usage(
    request: Request[Any, Any, Any],
    edge: NamedDependency[Edge],
    usage_intake: NamedDependency[UsageIntake],
) -> Response[UsageAnswer]:
    """One event, an array of up to 10,000, or CloudEvents (single or batch).

    Every item of an array is answered for itself: accepted, duplicate (a retry), or rejected with the reason. A single
    event that is rejected is answered as a problem. What was rejected is kept: GET /v1/usage/rejections. Where a quota
    refuses everything, the answer is 429 with Retry-After.
    """
    media_type = require_content_type(request, JSON, CLOUD_EVENT, CLOUD_EVENTS)
    items, single = decode(media_type, await request.body())
    tenant_id = edge.tenant_id
    if edge.on_behalf:
        await edge.query(_audited)
    results = await usage_intake.submit(tenant_id, items)
    if all(result.code == QUOTA_EXCEEDED for result in results):
        raise _used_up(results)
    if single and results[0].status == "rejected":
        raise _problem(results[0])
    return Response(msgspec.json.encode(_answer(results)), status_code=202, media_type=JSON)  # type: ignore[arg-type]


async def _audited(tx: Tx) -> None:
    """Nothing but what the edge does around it: write down that a platform caller acts for the tenant."""


def _answer(results: Sequence[ItemResult]) -> UsageAnswer:
    statuses = [result.status for result in results]
    return UsageAnswer(
        statuses.count("accepted"), statuses.count("duplicate"), statuses.count("rejected"), list(results)
    )


def _problem(result: ItemResult) -> DomainError:
    code, detail, pointer = result.code or "", result.detail or "", result.pointer or ""
    kind = Conflict if code == "idempotency_conflict" else Invalid
    return kind(f"{pointer}: {detail}", code=code, fields=[FieldError(pointer, detail)])


def _used_up(results: Sequence[ItemResult]) -> TooMany:
    """Waits for the quota that ends last, by which everything may pass."""
    last = max(results, key=lambda result: result.retry_after_seconds or 0)
    return TooMany(last.detail or "", code=QUOTA_EXCEEDED, retry_after_seconds=last.retry_after_seconds)


@get("/v1/usage", scope="billing:read", summary="Add up usage")
async def get_usage(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    subscription_id: str,
    meter: str,
    since: _From,
    before: _To,
    window: Window = "total",
) -> UsageTotals:
    """One subscription's usage of a meter, by hour, day or month in UTC, or in total. Windows without usage are left out."""
    asked = TotalsQuestion(subscription_id, meter, since, before, window)
    return await edge.query(lambda tx: usage_service.totals(tx, edge.tenant_id, asked))


@get("/v1/usage/events", scope="billing:read", summary="List usage events")
async def list_usage_events(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    subscription_id: str,
    meter: str | None = None,
    since: _Since = None,
    before: _Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[UsageEventOut]:
    """One subscription's events, the latest timestamp first."""
    require_aware(since, "/query/from")
    require_aware(before, "/query/to")
    wanted = EventFilter(subscription_id, meter, since, before)
    after = after_event(cursor)
    found = await edge.query(lambda tx: usage_service.events(tx, edge.tenant_id, wanted, after=after, limit=limit + 1))
    more = next_cursor(found[limit - 1][1]) if len(found) > limit else None
    return Page([event for event, _ in found[:limit]], more)


@get("/v1/usage/rejections", scope="billing:read", summary="List rejected usage")
async def list_usage_rejections(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    code: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[RejectionOut]:
    """Newest first, each with the reason and the item as it came: mend it and report it again."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: usage_service.rejections(tx, edge.tenant_id, after=after, limit=limit + 1, code=code)
    )
    return page(found, limit, key=lambda rejection: rejection.id)


ROUTES = (
    create_meter,
    list_meters,
    get_meter,
    report_usage,
    get_usage,
    list_usage_events,
    list_usage_rejections,
    *quotas_api.ROUTES,
)
