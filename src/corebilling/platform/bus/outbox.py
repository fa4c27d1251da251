"""The outbox: events are written in the transaction of the change that they tell of, and published afterwards."""

from collections.abc import Sequence
from uuid import UUID
from zlib import crc32

import msgspec

from corebilling.events.catalog import BY_PAYLOAD
from corebilling.events.envelope import NewEvent
from corebilling.kernel.errors import Invalid
from corebilling.kernel.ids import new_id
from corebilling.platform.bus import trace
from corebilling.platform.correlation import current_correlation_id
from corebilling.platform.db import Tx
from corebilling.platform.queries import outbox as queries

CHANNEL = "billing_events"
"""NOTIFY on this channel tells dispatchers that events were committed."""

SHARDS = 16
"""Order is kept within a shard. The number of rows in outbox_leases; a change of it needs an empty outbox."""

_encode = msgspec.json.Encoder().encode


def shard_of(resource_id: UUID) -> int:
    """The shard of a resource: the same in every process and release."""
    return crc32(resource_id.bytes) % SHARDS


async def emit(tx: Tx, events: Sequence[NewEvent]) -> list[UUID]:
    """Write events with the transaction's change, all in one statement; the dispatcher is woken at its commit.

    Each event gets a new id, answered in their order, the correlation id of its cause (else of the request, else a new one)
    and a traceparent.
    Raises KeyError for a payload that is not in the catalog, Invalid for one that names another tenant, RuntimeError in the
    handler of a projection.
    """
    if not events:
        return []
    if not tx.may_emit:
        raise RuntimeError("the handlers of a projection emit no events: it may be rebuilt by replay at any time")
    request, current = current_correlation_id.get() or new_id(), trace.current_traceparent()
    for event in events:
        refuse_foreign_tenant(event.payload, event.tenant_id)
    types = [BY_PAYLOAD[type(event.payload)] for event in events]
    ids = [new_id() for _ in events]
    await queries.insert_events(
        tx.conn,
        event_ids=ids,
        tenant_ids=[event.tenant_id for event in events],
        shards=[shard_of(event.resource_id) for event in events],
        subjects=[row.subject for row in types],
        versions=[row.version for row in types],
        resource_ids=[event.resource_id for event in events],
        resource_seqs=[event.resource_seq for event in events],
        correlation_ids=[event.cause.correlation_id if event.cause else request for event in events],
        causation_ids=[event.cause.id if event.cause else None for event in events],
        traceparents=[trace.traceparent_for(event.cause, current) for event in events],
        occurred_ats=[event.occurred_at for event in events],
        payloads=[_encode(event.payload) for event in events],
    )
    tx.wake(CHANNEL)
    return ids


def refuse_foreign_tenant(payload: msgspec.Struct, tenant_id: UUID) -> None:
    """A payload that has a `tenant_id` must name the tenant of its envelope. Raises Invalid."""
    if getattr(payload, "tenant_id", tenant_id) != tenant_id:
        raise Invalid(
            "the payload names another tenant than its envelope; emit it under the tenant it is about",
            code="foreign_tenant",
        )
