"""From the outbox to the handlers, through a real broker and a real database."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import nats
import psycopg
import pytest

from backbone import (
    AT_ONCE,
    SOON,
    Recorder,
    change,
    consumer,
    count,
    dispatcher,
    event,
    router,
    running,
    seen,
    send,
    until,
)
from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingFailed
from corebilling.platform.bus import wire
from corebilling.platform.bus.handlers import Consumer, Subscriptions
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.outbox import emit
from corebilling.platform.bus.port import OutgoingMessage
from corebilling.platform.bus.progress import unhandled
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx
from corebilling.platform.embedded import EmbeddedNats
from corebilling.platform.queries import outbox as queries

Owner = psycopg.Connection[Any]


async def test_events_of_two_tenants_reach_every_consumer_once(db: Database, bus: NatsBus, owner: Owner) -> None:
    one, two = uuid4(), uuid4()
    consumers = consumer("first"), consumer("second")
    async with running(dispatcher(db, bus, *consumers), router(db, bus, *consumers)):
        await send(db, event(one, "1"), event(two, "2"), event(one, "3"))
        await until(lambda: count(owner, "seen") >= 6, "six rows")
    expected = {(t, n, c) for t, n in ((one, 1), (two, 2), (one, 3)) for c in ("first", "second")}
    assert sorted(map(str, seen(owner))) == sorted(map(str, expected))
    assert count(owner, "billing_events", "status = 'dispatched'") == 3


async def test_an_event_of_a_transaction_that_fails_is_never_seen(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()
    with pytest.raises(RuntimeError, match="the change fails"):
        async with db.tenants([tenant]) as tx:
            await emit(tx, [event(tenant, "1")])
            raise RuntimeError("the change fails")
    assert count(owner, "billing_events") == 0


async def test_a_message_delivered_twice_is_handled_once(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, event(tenant, "1"))
    async with running(dispatcher(db, bus), router(db, bus)):
        await until(lambda: count(owner, "seen") == 1, "the first delivery")
        again = await _messages(db, owner, attempt=7)
        await bus.publish(again)
        await send(db, event(tenant, "2"))
        await until(lambda: count(owner, "seen") >= 2, "the event after the repetition")
    assert [amount for _, amount, _ in seen(owner)] == [1, 2]


async def test_one_batch_may_hold_an_event_twice(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, event(tenant, "1"))
    twice = [*await _messages(db, owner, attempt=1), *await _messages(db, owner, attempt=2)]
    await bus.publish(twice)
    async with running(router(db, bus)):
        await until(lambda: count(owner, "seen") >= 1, "the event")
        await send(db, event(tenant, "2"))
        async with running(dispatcher(db, bus)):
            await until(lambda: any(amount == 2 for _, amount, _ in seen(owner)), "the event after")
    assert sorted(amount for _, amount, _ in seen(owner)) == [1, 2]


async def test_a_handler_cannot_write_for_a_tenant_outside_its_group(db: Database, bus: NatsBus, owner: Owner) -> None:
    mine, other = uuid4(), uuid4()

    async def writes_across(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        await tx.conn.execute("INSERT INTO seen (tenant_id, consumer) VALUES (%s, 'across')", (other,))

    crossing = Consumer("crossing", Recorder("crossing"), {RatingFailed: writes_across})
    async with running(dispatcher(db, bus, crossing), router(db, bus, crossing)):
        await send(db, event(mine, "1"))
        await until(lambda: count(owner, "inbox_retry") == 1, "the event parked")
    assert count(owner, "seen") == 0


async def test_everything_arrives_once_when_nats_is_killed_and_comes_back(
    db: Database, owner: Owner, reachable_path: Path
) -> None:
    tenants = [uuid4(), uuid4()]
    with EmbeddedNats(reachable_path / "nats") as server:
        bus = NatsBus(server.url)
        async with running(dispatcher(db, bus), router(db, bus)):
            await send(db, *[event(tenants[n % 2], str(n)) for n in range(200)])
            await until(lambda: count(owner, "seen") >= 50, "some events before the kill")
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.to_thread(server.stop)
            await send(db, *[event(tenants[n % 2], str(n)) for n in range(200, 400)])
            assert count(owner, "billing_events", "status = 'pending'") >= 200
            await asyncio.to_thread(server.start)
            await until(lambda: count(owner, "seen") >= 400, "everything", seconds=60)
        await bus.close()
    assert sorted(amount for _, amount, _ in seen(owner)) == list(range(400))
    assert count(owner, "billing_events", "retry_count > 0") == 0


async def test_the_sweep_publishes_again_what_the_stream_has_lost(
    db: Database, bus: NatsBus, owner: Owner, nats_url: str
) -> None:
    tenant = uuid4()
    await send(db, event(tenant, "1"), event(tenant, "2"))
    async with running(dispatcher(db, bus, sweep_every=SOON)):
        await until(lambda: count(owner, "billing_events", "status = 'dispatched'") == 2, "both dispatched")
    await _lose(nats_url, bus)
    async with running(dispatcher(db, bus, sweep_after=AT_ONCE, sweep_every=SOON), router(db, bus)):
        await until(lambda: count(owner, "seen") >= 2, "the lost events")
    assert sorted(amount for _, amount, _ in seen(owner)) == [1, 2]
    assert count(owner, "billing_events", "republished > 0") == 2


async def test_the_sweep_finds_a_replayed_event_that_was_lost(db: Database, bus: NatsBus, owner: Owner) -> None:
    """Its id lies behind where the sweep has found everything settled."""
    tenant, consumers = uuid4(), (consumer("first"), consumer("second"))
    async with running(
        dispatcher(db, bus, *consumers, sweep_after=AT_ONCE, sweep_every=SOON), router(db, bus, *consumers)
    ):
        await send(db, event(tenant, "1"))
        await until(lambda: count(owner, "seen") == 2, "both")
        settled = "swept_to >= (SELECT max(event_id::text)::uuid FROM billing_events)"
        await until(lambda: count(owner, "outbox_sweep", settled) == 1, "the sweep found that settled")
        await change(owner, "DELETE FROM inbox WHERE consumer = 'second'")
        await change(
            owner,
            "WITH lost AS (UPDATE billing_events SET republished = 1, replay_for = 'second' RETURNING tenant_id, event_id) "
            "INSERT INTO outbox_replayed SELECT tenant_id, event_id, 'second', now() FROM lost",
        )
        await until(lambda: count(owner, "seen") == 3, "the one that it is for")
        await until(lambda: count(owner, "outbox_replayed") == 0, "forgotten")
    assert [name for _, _, name in seen(owner)].count("second") == 2


async def test_the_sweep_finds_what_is_lost_while_others_keep_coming(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, event(tenant, "1000000"))
    await change(owner, "UPDATE billing_events SET status = 'dispatched', dispatched_at = now()")
    numbers = iter(range(1_000_000))

    async def found_while_others_come() -> bool:
        await send(db, event(tenant, str(next(numbers))))
        return await asyncio.to_thread(count, owner, "seen", "amount = 1000000") == 1

    async with running(dispatcher(db, bus, sweep_after=SOON, sweep_every=SOON), router(db, bus)):
        await until(found_while_others_come, "the lost event")
    assert count(owner, "seen") == count(owner, "seen", "amount < 1000000") + 1


async def test_a_stream_lost_while_all_is_running_is_made_again(
    db: Database, bus: NatsBus, owner: Owner, nats_url: str
) -> None:
    tenant = uuid4()
    async with running(dispatcher(db, bus), router(db, bus)):
        await send(db, event(tenant, "1"))
        await until(lambda: count(owner, "seen") == 1, "the event before")
        await _lose(nats_url, bus)
        await send(db, event(tenant, "2"))
        await until(lambda: count(owner, "seen") == 2, "the event after")


async def test_a_tenant_has_unhandled_events_until_all_are_taken(db: Database, bus: NatsBus, owner: Owner) -> None:
    busy, idle, since = uuid4(), uuid4(), wall_clock()
    subscriptions = Subscriptions([consumer()])

    async def waits(tenant: Any) -> bool:
        async with db.system() as tx:
            return await unhandled(tx, subscriptions, tenant, since)

    await send(db, event(busy, "1"))
    assert await waits(busy)
    assert not await waits(idle)
    async with running(dispatcher(db, bus)):
        await until(lambda: count(owner, "billing_events", "status = 'dispatched'") == 1, "dispatched")
    assert await waits(busy)
    async with running(router(db, bus)):
        await until(lambda: count(owner, "seen") == 1, "handled")
    assert not await waits(busy)


async def _lose(nats_url: str, bus: NatsBus) -> None:
    """Delete the stream behind the product's back."""
    nc = await nats.connect(nats_url)
    await nc.jetstream().delete_stream(bus.stream)
    await nc.close()


async def _messages(db: Database, owner: Owner, *, attempt: int) -> list[OutgoingMessage]:
    """The events in the outbox as messages with other ids, as a redelivery or a second publish makes them."""
    await change(owner, "UPDATE billing_events SET status = 'pending'")
    async with db.system() as tx:
        rows = await queries.claim_events(
            tx.conn, shards=list(range(16)), low_waters=[UUID(int=0)] * 16, now=wall_clock(),
            waiting_resources=[], in_flight=[], per_shard=1000, max_rows=1000,
        )  # fmt: skip
    await change(owner, "UPDATE billing_events SET status = 'dispatched'")
    return [wire.encode_again(row, attempt) for row in rows]
