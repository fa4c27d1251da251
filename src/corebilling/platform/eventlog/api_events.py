"""Routes that show a tenant its events."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from corebilling.platform.eventlog.reading import EventLog
from corebilling.platform.eventlog.schemas_events import EventOut, EventStatus, EventWhole
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    QueryParameter,
    after_id,
    get,
    page,
)

_Subject = Annotated[
    str | None, QueryParameter(description="A subject, your own among them, or `invoice.*` for all below a word.")
]
_Since = Annotated[datetime | None, QueryParameter(name="from", description="Written at this instant or later.")]
_Before = Annotated[datetime | None, QueryParameter(name="to", description="Written before this instant.")]


@get("/v1/events", scope="billing:read", summary="List events")
async def list_events(
    edge: NamedDependency[Edge],
    event_log: NamedDependency[EventLog],
    subject: _Subject = None,
    resource_id: UUID | None = None,
    status: EventStatus | None = None,
    since: _Since = None,
    before: _Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[EventOut]:
    """Newest first, for as long as the outbox keeps them. Name `from` where a filter finds few: the search ends there."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: event_log.find(
            tx,
            edge.tenant_id,
            after=after,
            limit=limit + 1,
            subject=subject,
            resource_id=resource_id,
            status=status,
            since=since,
            before=before,
        )
    )
    return page(found, limit, key=lambda event: event.id)


@get("/v1/events/{event_id:uuid}", scope="billing:read", summary="Get an event")
async def get_event(event_id: UUID, edge: NamedDependency[Edge], event_log: NamedDependency[EventLog]) -> EventWhole:
    """The event with its payload, whether it was published, and which consumers have taken it."""
    return await edge.query(lambda tx: event_log.get(tx, edge.tenant_id, event_id))


ROUTES = (list_events, get_event)
