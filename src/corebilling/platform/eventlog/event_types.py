"""Kinds of events: the product's own, which are the catalog, and those that tenants registered for their own events."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from corebilling.events.catalog import BY_PAYLOAD, CATALOG, EventType
from corebilling.events.custom import CustomEvent
from corebilling.events.own_subjects import refusal
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.platform.db import Tx
from corebilling.platform.eventlog import catalog
from corebilling.platform.eventlog.own_schemas import check_schema
from corebilling.platform.eventlog.schemas_custom import EventTypeOut, EventTypePut
from corebilling.platform.queries import event_types as queries
from corebilling.platform.queries import models

MOST_TYPES = 500

_PUBLIC = {row.subject: row for row in sorted(CATALOG, key=lambda row: row.subject) if row.public}
del _PUBLIC[BY_PAYLOAD[CustomEvent].subject]  # receivers know such an event by the tenant's subject


class EventTypes:
    """What subjects there are and what their data looks like."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def put(self, tx: Tx, tenant_id: UUID, subject: str, wanted: EventTypePut) -> EventTypeOut:
        """Register a subject, or say something else of it; events that were published before stay as they are.

        Raises `Invalid` for a subject that tenants can't have or a schema that isn't taken, `Conflict` beyond `MOST_TYPES`.
        """
        if why := refusal(subject):
            raise invalid_field("/path/event_type", why, code="invalid_subject")
        text = None if wanted.json_schema is None else check_schema(wanted.json_schema, "/json_schema")
        if (await queries.count_event_types(tx.conn, tenant_id=tenant_id, subject=subject) or 0) >= MOST_TYPES:
            raise Conflict(
                f"there are {MOST_TYPES} event types already; delete one that isn't used", code="too_many_event_types"
            )
        row = await queries.put_event_type(
            tx.conn,
            tenant_id=tenant_id,
            subject=subject,
            description=wanted.description,
            json_schema=text,
            now=self._clock(),
        )
        assert row is not None
        return _own(row)

    async def get(self, tx: Tx, tenant_id: UUID, subject: str) -> EventTypeOut:
        """One kind of event, the product's public ones included. Raises `NotFound`."""
        if known := _PUBLIC.get(subject):
            return _catalogued(known)
        row = await queries.get_event_type(tx.conn, tenant_id=tenant_id, subject=subject)
        if row is None:
            raise _unknown(subject)
        return _own(row)

    async def drop(self, tx: Tx, tenant_id: UUID, subject: str) -> None:
        """Take a subject off the register: its events are taken unchecked from now on. Raises `NotFound`."""
        if await queries.drop_event_type(tx.conn, tenant_id=tenant_id, subject=subject) is None:
            raise _unknown(subject)

    async def find(self, tx: Tx, tenant_id: UUID, *, own: bool | None, after: str, limit: int) -> list[EventTypeOut]:
        """Kinds of events by subject; `own` asks for the tenant's or the product's alone."""
        theirs = [] if own is True else [_catalogued(row) for row in _PUBLIC.values() if row.subject > after]
        if own is False:
            return theirs[:limit]
        rows = await queries.list_event_types(tx.conn, tenant_id=tenant_id, after=after, page_size=limit)
        return sorted((*theirs, *map(_own, rows)), key=lambda each: each.subject)[:limit]

    async def schemas(self, tx: Tx, tenant_id: UUID, subjects: Collection[str]) -> dict[str, str]:
        """The stored schemas of those subjects that have one."""
        rows = await queries.schemas_of_subjects(tx.conn, tenant_id=tenant_id, subjects=sorted(subjects))
        return {row.subject: row.json_schema for row in rows if row.json_schema is not None}


def _own(row: models.EventType) -> EventTypeOut:
    return EventTypeOut(
        subject=row.subject,
        own=True,
        description=row.description,
        json_schema=None if row.json_schema is None else msgspec.json.decode(row.json_schema),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _catalogued(row: EventType) -> EventTypeOut:
    return EventTypeOut(
        subject=row.subject,
        own=False,
        description=catalog.summary(row),
        json_schema=catalog.schema(row),
        version=row.version,
        resource=row.resource,
    )


def _unknown(subject: str) -> NotFound:
    return NotFound(f"there is no event type '{subject}'; GET /v1/event-types lists them", code="event_type_not_found")
