"""Routes of tenants' own events, and of the kinds of events that there are."""

from typing import Any

from corebilling.platform.eventlog.custom import CustomEvents
from corebilling.platform.eventlog.event_types import EventTypes
from corebilling.platform.eventlog.schemas_custom import (
    CustomEventIn,
    CustomEventsIn,
    EventTypeOut,
    EventTypePut,
    PublishedEvents,
)
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    bad_cursor,
    cursor_of,
    delete,
    get,
    place_of,
    post,
    put,
)


@post("/v1/events", scope="billing:write", status_code=202, summary="Publish events of your own")
async def publish_events(
    data: CustomEventsIn,
    edge: NamedDependency[Edge],
    custom_events: NamedDependency[CustomEvents],
) -> Response[PublishedEvents]:
    """One event, or an array of up to 1,000 of which all are taken or none, with 1 MiB of data together.

    They reach your webhook endpoints like events of the product, with `subject` as their type. Events of one `key` stay in
    their order. First words of subjects that the product uses are reserved; where a schema is registered for the subject,
    the data must fit it.
    """
    single = isinstance(data, CustomEventIn)
    items = [data] if isinstance(data, CustomEventIn) else data
    pointers = [""] if single else [f"/{number}" for number in range(len(items))]
    return await edge.command(lambda tx: custom_events.publish(tx, edge.tenant_id, items, pointers), status=202)


@get("/v1/event-types", scope="billing:read", summary="List kinds of events")
async def list_event_types(
    edge: NamedDependency[Edge],
    event_types: NamedDependency[EventTypes],
    own: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[EventTypeOut]:
    """The product's, which webhooks can carry, and your own, by subject; `own=true` or `own=false` asks for one of the two."""
    after = "" if cursor is None else _subject(cursor)
    found = await edge.query(lambda tx: event_types.find(tx, edge.tenant_id, own=own, after=after, limit=limit + 1))
    shown = found[:limit]
    return Page(shown, cursor_of(shown[-1].subject.encode()) if len(found) > limit else None)


@get("/v1/event-types/{event_type:str}", scope="billing:read", summary="Get a kind of event")
async def get_event_type(
    event_type: str, edge: NamedDependency[Edge], event_types: NamedDependency[EventTypes]
) -> EventTypeOut:
    """By its subject, with the JSON schema of its data."""
    return await edge.query(lambda tx: event_types.get(tx, edge.tenant_id, event_type))


@put("/v1/event-types/{event_type:str}", scope="billing:admin", summary="Register a kind of event")
async def put_event_type(
    event_type: str,
    data: EventTypePut,
    edge: NamedDependency[Edge],
    event_types: NamedDependency[EventTypes],
) -> Response[EventTypeOut]:
    """Says what a subject of your own means and, with a JSON schema, what its data looks like: events that don't fit are refused."""
    return await edge.command(lambda tx: event_types.put(tx, edge.tenant_id, event_type, data), status=200, noted=True)


@delete("/v1/event-types/{event_type:str}", scope="billing:admin", summary="Take a kind of event off the register")
async def delete_event_type(
    event_type: str, edge: NamedDependency[Edge], event_types: NamedDependency[EventTypes]
) -> Response[None]:
    """Its events can still be published, with any data; those that were published stay."""
    return await edge.command(lambda tx: event_types.drop(tx, edge.tenant_id, event_type), status=204, noted=True)


def _subject(cursor: str) -> str:
    try:
        subject = place_of(cursor).decode()
    except UnicodeDecodeError:
        raise bad_cursor() from None
    if "\x00" in subject:
        raise bad_cursor()
    return subject


ROUTES = (publish_events, list_event_types, get_event_type, put_event_type, delete_event_type)

EXAMPLES: dict[Any, Any] = {
    CustomEventsIn: {
        "subject": "order.shipped",
        "key": "order-1042",
        "data": {"order": "order-1042", "carrier": "ACME", "parcels": 2},
    },
    EventTypePut: {
        "description": "An order left the warehouse.",
        "json_schema": {
            "type": "object",
            "required": ["order", "parcels"],
            "properties": {
                "order": {"type": "string"},
                "carrier": {"type": "string"},
                "parcels": {"type": "integer", "minimum": 1},
            },
        },
    },
}
"""A request of each kind, by the type of its body."""
