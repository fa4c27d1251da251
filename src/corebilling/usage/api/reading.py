"""Routes of meters, and of looking at what was used."""

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
from corebilling.usage.api.cursor import after_event, next_cursor
from corebilling.usage.domain.windows import Window
from corebilling.usage.reading import EventFilter
from corebilling.usage.schemas import MeterCreate, MeterOut, UsageEventOut, UsageTotals
from corebilling.usage.service import UsageService
from corebilling.usage.totals import Empty, TotalsQuestion

_From = Annotated[datetime, QueryParameter(name="from", description="The first instant, with its offset.")]
_To = Annotated[datetime, QueryParameter(name="to", description="The instant after the last, with its offset.")]
_Zone = Annotated[str, QueryParameter(description="The IANA zone on whose wall clock windows start.")]
_GroupBy = Annotated[str | None, QueryParameter(description="A property that the meter groups by.")]
_Empty = Annotated[Empty, QueryParameter(description="Leave out windows that hold nothing, or show them as zero.")]
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


@get("/v1/usage", scope="billing:read", summary="Add up usage")
async def get_usage(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    meter: str,
    since: _From,
    before: _To,
    subscription_id: str | None = None,
    customer_id: str | None = None,
    window: Window = "total",
    time_zone: _Zone = "UTC",
    group_by: _GroupBy = None,
    empty: _Empty = "omit",
) -> UsageTotals:
    """The usage of a subscription, or of all subscriptions of a customer, on a meter; send one of the two.

    By minute, hour, day, week (from Monday) or month on the wall clock of a zone, or in total: at most 10,000 windows and
    50,000 rows. The first and the last window are cut at `from` and `to`. What was taken back doesn't count; what came
    late does.
    """
    asked = TotalsQuestion(meter, since, before, subscription_id, customer_id, window, time_zone, group_by, empty)
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
    """One subscription's events, the latest timestamp first: those too that filters leave out or that were taken back."""
    wanted = EventFilter(subscription_id, meter, since, before)
    after = after_event(cursor)
    found = await edge.query(lambda tx: usage_service.events(tx, edge.tenant_id, wanted, after=after, limit=limit + 1))
    more = next_cursor(found[limit - 1][1]) if len(found) > limit else None
    return Page([event for event, _ in found[:limit]], more)


ROUTES = (create_meter, list_meters, get_meter, get_usage, list_usage_events)
