"""A tenant's transaction can write what waits for another attempt: it can't speak for another tenant in it."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from backbone import count, event, router, running, seen, until
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.db import Database

Owner = psycopg.Connection[Any]


def envelope(event_id: UUID, tenant_id: UUID) -> str:
    """The event on the wire."""
    told = event(tenant_id, "1")
    return msgspec.json.encode(
        {
            "specversion": "1.0", "id": event_id, "type": "rating.failed", "source": "/elsewhere", "time": told.occurred_at,
            "tenantid": tenant_id, "resourceid": told.resource_id, "resourceseq": 1, "correlationid": event_id,
            "dataversion": 1, "data": told.payload,
        }
    ).decode()  # fmt: skip


@pytest.mark.parametrize("consumer", ["recorder", "router"])
async def test_a_parked_row_that_holds_another_tenants_event_is_given_up(
    db: Database, bus: NatsBus, owner: Owner, consumer: str
) -> None:
    mine, theirs, event_id = uuid4(), uuid4(), new_id()
    async with db.tenant(mine) as tx:
        await tx.conn.execute(
            "INSERT INTO inbox_retry SELECT %s, %s, %s, 'rating.failed', %s, 1, 0, now(), now(), now(), 'E', 'e', %s",
            (mine, consumer, event_id, uuid4(), envelope(event_id, theirs)),
        )
    async with running(router(db, bus)):
        await until(lambda: count(owner, "inbox_retry") == 0, "no longer parked")
    assert seen(owner) == []
    rows = owner.execute("SELECT tenant_id, error_type FROM dead_letters").fetchall()
    assert rows == [(mine, "Undecodable")]
