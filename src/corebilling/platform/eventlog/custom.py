"""Tenants' own events: checked, and written to the outbox like any other."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from corebilling.events.custom import CustomEvent
from corebilling.events.envelope import NewEvent
from corebilling.events.own_subjects import refusal
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.platform.eventlog.event_types import EventTypes
from corebilling.platform.eventlog.own_schemas import MOST_LEVELS, misfit, too_deep, work
from corebilling.platform.eventlog.schemas_custom import CustomEventIn, PublishedEvent, PublishedEvents

MOST_BYTES_EACH = 64 * 1024
MOST_BYTES = 1024 * 1024
_AHEAD = timedelta(days=1)
_MOST_FIELDS = 20
_CHECKED_AT_ONCE = 50
_WORK_AT_ONCE = 1_000_000


class CustomEvents:
    """Takes events of tenants' own subjects."""

    def __init__(self, *, clock: Clock, event_types: EventTypes) -> None:
        self._clock = clock
        self._types = event_types

    async def publish(
        self, tx: Tx, tenant_id: UUID, items: Sequence[CustomEventIn], pointers: Sequence[str]
    ) -> PublishedEvents:
        """Write events with their subjects' schemas checked, all or none; `pointers` say where each stands in the request.

        Events of one key have one resource, whose order is kept. Raises `Invalid` with up to 20 fields.
        """
        if sum(len(item.data) for item in items) > MOST_BYTES:
            raise Invalid(
                f"the data of all events together is more than {MOST_BYTES} bytes; send them in several requests",
                code="events_too_large",
            )
        now = self._clock()
        schemas = await self._types.schemas(tx, tenant_id, {item.subject for item in items})
        wrong: list[FieldError] = []
        done = 0
        for number, (item, pointer) in enumerate(zip(items, pointers, strict=True)):
            schema = schemas.get(item.subject)
            done += 0 if schema is None else work(schema, len(item.data))
            if done > _WORK_AT_ONCE or number % _CHECKED_AT_ONCE == _CHECKED_AT_ONCE - 1:
                await asyncio.sleep(0)  # other tenants' requests have their turn
                done = 0
            wrong += _faults(item, pointer, schema, now)
            if len(wrong) >= _MOST_FIELDS:
                break
        if wrong:
            first = wrong[0]
            raise Invalid(
                f"{first.pointer}: {first.detail}; nothing was published, correct it and send the request again",
                code="invalid_event",
                fields=wrong,
            )
        events = [
            NewEvent(
                tenant_id=tenant_id,
                resource_id=new_id() if item.key is None else uuid5(tenant_id, item.key),
                resource_seq=0,
                payload=CustomEvent(item.subject, item.data),
                occurred_at=item.occurred_at or now,
            )
            for item in items
        ]
        ids = await emit(tx, events)
        return PublishedEvents(
            [
                PublishedEvent(event_id, item.subject, event.resource_id, event.occurred_at)
                for event_id, item, event in zip(ids, items, events, strict=True)
            ]
        )


def _faults(item: CustomEventIn, pointer: str, schema: str | None, now: datetime) -> list[FieldError]:
    if why := refusal(item.subject):
        return [FieldError(f"{pointer}/subject", why)]
    if item.occurred_at is not None and item.occurred_at > now + _AHEAD:
        return [FieldError(f"{pointer}/occurred_at", "more than a day ahead; send the instant at which it happened")]
    if len(item.data) > MOST_BYTES_EACH:
        detail = f"more than {MOST_BYTES_EACH} bytes; send a reference to what is large instead"
        return [FieldError(f"{pointer}/data", detail)]
    try:
        data: Any = msgspec.json.decode(item.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return [FieldError(f"{pointer}/data", f"not JSON that everybody can read ({error})")]
    if too_deep(data):
        return [FieldError(f"{pointer}/data", f"nested deeper than {MOST_LEVELS} levels; make it flatter")]
    if schema is not None and (found := misfit(schema, data, len(item.data))):
        where, what = found
        return [FieldError(f"{pointer}/data{where}", f"{what} (by the schema registered for {item.subject})")]
    return []
