"""Dead letters brought back while other things happen to the same events."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import psycopg
from replays import Desk

from backbone import change, consumer, count, dispatcher, event, router, running, seen, send, until
from corebilling.events.envelope import Envelope
from corebilling.kernel.ids import new_id
from corebilling.platform.bus import deadletters
from corebilling.platform.bus.admission import MOST_ATTEMPTS, Held, Parked
from corebilling.platform.bus.deadletters import Letters
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database

Owner = psycopg.Connection[Any]

REFUSED_LONG_AGO = """
    SET ROLE corebilling_owner;
    SELECT corebilling_add_day('billing_events', (now() AT TIME ZONE 'UTC')::date - 20);
    UPDATE billing_events SET event_id = corebilling_first_id_at(now() - interval '20 days'), status = 'dead_letter', retry_count = 8;
    INSERT INTO dead_letters (tenant_id, consumer, event_id, subject, resource_id, resource_seq, reason, error_type, error,
      attempts, first_failed_at, last_failed_at, envelope)
    SELECT tenant_id, 'dispatcher', event_id, subject, resource_id, 1, 'refused', 'Refused', 'no', 8, now(), now(), '{}'
    FROM billing_events;
    RESET ROLE;
"""
MEND = "INSERT INTO meanings VALUES ('poison', 13)"


async def rotated(db: Database) -> None:
    async with db.system() as tx:
        await tx.conn.execute("SELECT corebilling_rotate_events(7, 14, 21)")


async def requeued(db: Database, tenant: UUID) -> int:
    async with db.system() as tx:
        return await deadletters.requeue(tx, Letters(tenant), wall_clock())


async def test_what_the_bus_refused_long_ago_can_still_be_requeued(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, event(tenant, "1"))
    owner.execute(REFUSED_LONG_AGO)
    await rotated(db)
    assert await requeued(db, tenant) == 1
    async with running(dispatcher(db, bus), router(db, bus)):
        await until(lambda: count(owner, "seen") == 1, "handled after all")
        await until(lambda: count(owner, "billing_events", "status = 'dispatched'") == 1, "marked")
    await rotated(db)
    assert count(owner, "billing_events") == 1, "it may be needed again"
    owner.execute("UPDATE billing_events SET dispatched_at = now() - interval '15 days'")
    owner.execute("UPDATE inbox SET taken_at = now() - interval '22 days'")
    owner.execute("UPDATE inbox SET event_id = corebilling_first_id_at(now() - interval '30 days')")
    await rotated(db)
    assert count(owner, "billing_events") == count(owner, "inbox") == 0, "nothing stays for ever"


async def test_a_letter_whose_event_is_gone_stays(db: Database, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, event(tenant, "1"))
    owner.execute(REFUSED_LONG_AGO)
    owner.execute("TRUNCATE billing_events")
    assert await requeued(db, tenant) == 0
    assert count(owner, "dead_letters") == 1


async def test_requeue_replay_and_new_arrivals_at_once_keep_order_and_repeat_nothing(
    db: Database, bus: NatsBus, owner: Owner
) -> None:
    tenant, resource = uuid4(), uuid4()
    async with running(dispatcher(db, bus), router(db, bus), router(db, bus)):
        await send(db, *(event(tenant, "poison", resource_id=resource, seq=n) for n in (1, 2, 3)))
        await until(lambda: count(owner, "inbox_retry") == 3, "all parked")
        await change(owner, "UPDATE inbox_retry SET attempts = 9, next_attempt_at = now() WHERE resource_seq = 1")
        await until(lambda: count(owner, "dead_letters") == 1, "the first given up")
        await change(owner, MEND)
        desk = Desk(db, consumer())
        job = await desk.start(tenant, rate_per_second=5000)
        _, back, _ = await asyncio.gather(
            desk.done(tenant, job),
            requeued(db, tenant),
            send(db, *(event(tenant, str(n), resource_id=resource, seq=n) for n in (4, 5, 6))),
        )
        assert back == 1
        await change(owner, "UPDATE inbox_retry SET next_attempt_at = now()")
        await until(lambda: count(owner, "seen") >= 6, "all handled")
        await until(lambda: count(owner, "billing_events", "status <> 'dispatched'") == 0, "replayed")
    assert sorted(amount for _, amount, _ in seen(owner)) == [4, 5, 6, 13, 13, 13]
    assert count(owner, "inbox_retry") == count(owner, "dead_letters") == 0


async def test_what_another_router_handled_meanwhile_is_not_given_up(db: Database, owner: Owner) -> None:
    """Between the last failure of a parked event and its burial nobody holds it."""
    event_id, tenant = new_id(), uuid4()
    envelope: Envelope[None] = Envelope(
        id=event_id, subject="rating.failed", version=1, tenant_id=tenant, resource_id=event_id, resource_seq=1,
        correlation_id=event_id, causation_id=None, traceparent=None, occurred_at=wall_clock(), payload=None,
    )  # fmt: skip
    async with db.tenants([tenant]) as tx:
        failed = Held(envelope, b"{}", attempts=MOST_ATTEMPTS - 1)
        await Parked().put_aside(tx, "recorder", failed, ValueError("here, and not there"), wall_clock())
    assert count(owner, "dead_letters") == 0
