"""Routes of corrections: they change what is billed, so they ask for billing:write."""

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
from corebilling.usage.correction_trail import CorrectionFilter
from corebilling.usage.domain.correction import Author, CorrectionKind
from corebilling.usage.schemas.corrections import BackfillAnswer, BackfillCreate, CorrectionOut, EventAmend, EventVoid
from corebilling.usage.service import UsageService

_Since = Annotated[datetime | None, QueryParameter(name="from", description="Corrections made from this instant on.")]
_Before = Annotated[datetime | None, QueryParameter(name="to", description="Corrections made before this instant.")]


def _author(edge: Edge, path: str) -> Author:
    return Author(edge.principal.subject, f"POST {path}", edge.request_id)


@post("/v1/usage/events/void", scope="billing:write", summary="Take a usage event back")
async def void_usage_event(
    data: EventVoid, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[CorrectionOut]:
    """The event counts no more. An open period is rated anew; a closed one is adjusted when the next one closes.

    Its name stays taken: a retry remains a duplicate. Voiding it again answers the same correction.
    """
    by = _author(edge, "/v1/usage/events/void")
    return await edge.command(lambda tx: usage_service.void_event(tx, edge.tenant_id, data, by), status=201)


@post("/v1/usage/events/amend", scope="billing:write", summary="Put a usage event right")
async def amend_usage_event(
    data: EventAmend, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[CorrectionOut]:
    """Takes the event back and puts in what it should have said: another value, properties or timestamp, however old.

    The name stands for the new event from then on. A retry of the first one remains a duplicate.
    """
    by = _author(edge, "/v1/usage/events/amend")
    return await edge.command(lambda tx: usage_service.amend_event(tx, edge.tenant_id, data, by), status=201)


@post("/v1/usage/backfills", scope="billing:write", summary="Add or replace the usage of a range")
async def backfill_usage(
    data: BackfillCreate, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[BackfillAnswer]:
    """Up to 10,000 events of one meter and one subscription or customer, however old, all of them or none.

    `replace` takes back what the range holds, up to 50,000 events, but for what is sent just as it is there.
    """
    by = _author(edge, "/v1/usage/backfills")
    return await edge.command(lambda tx: usage_service.backfill(tx, edge.tenant_id, data, by), status=201)


@get("/v1/usage/corrections", scope="billing:read", summary="List corrections of usage")
async def list_usage_corrections(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    kind: CorrectionKind | None = None,
    meter: str | None = None,
    subscription_id: str | None = None,
    since: _Since = None,
    before: _Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[CorrectionOut]:
    """Newest first: who corrected what, when and why, with the figures before and after."""
    wanted = CorrectionFilter(kind, meter, subscription_id, since, before)
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: usage_service.list_corrections(tx, edge.tenant_id, wanted, after=after, limit=limit + 1)
    )
    return page(found, limit, key=lambda correction: correction.id)


@get("/v1/usage/corrections/{correction_id:uuid}", scope="billing:read", summary="Get a correction of usage")
async def get_usage_correction(
    correction_id: UUID, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> CorrectionOut:
    """One correction."""
    return await edge.query(lambda tx: usage_service.get_correction(tx, edge.tenant_id, correction_id))


ROUTES = (
    void_usage_event,
    amend_usage_event,
    backfill_usage,
    list_usage_corrections,
    get_usage_correction,
)
