"""What fails, what waits behind it, and how it comes back."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import psycopg

from backbone import (
    Recorder,
    change,
    consumer,
    count,
    dispatcher,
    event,
    on_rating_failed,
    router,
    running,
    seen,
    send,
    until,
)
from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingFailed
from corebilling.kernel.ids import new_id
from corebilling.platform.bus import deadletters
from corebilling.platform.bus.admission import Arrivals, Held
from corebilling.platform.bus.deadletters import Letters
from corebilling.platform.bus.group import Group
from corebilling.platform.bus.handlers import Consumer, NotYet
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import OutgoingMessage
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx

Owner = psycopg.Connection[Any]

LAST_ATTEMPT_NOW = "UPDATE inbox_retry SET attempts = 9, next_attempt_at = now()"
MEND = "INSERT INTO meanings VALUES ('poison', 13)"


async def test_a_poison_event_alone_is_parked_and_the_batch_commits(db: Database, bus: NatsBus, owner: Owner) -> None:
    one, two = uuid4(), uuid4()
    events = [event(one if n % 2 else two, "poison" if n == 17 else str(n)) for n in range(40)]
    await send(db, *events)
    async with running(dispatcher(db, bus), router(db, bus)):
        await until(lambda: count(owner, "seen") == 39 and count(owner, "inbox_retry") == 1, "39 and one parked")
    assert owner.execute("SELECT tenant_id FROM inbox_retry").fetchall() == [(one,)]


async def test_a_poison_event_ends_as_a_dead_letter_and_a_requeue_brings_it_back(
    db: Database, bus: NatsBus, owner: Owner
) -> None:
    tenant = uuid4()
    async with running(dispatcher(db, bus), router(db, bus)):
        await send(db, event(tenant, "poison"))
        await until(lambda: count(owner, "inbox_retry") == 1, "parked")
        await change(owner, LAST_ATTEMPT_NOW)
        await until(lambda: count(owner, "dead_letters") == 1, "given up")
        async with db.system() as tx:
            (letter,) = await deadletters.list_dead_letters(tx, Letters(tenant))
            (whole,) = await deadletters.show(tx, tenant, letter.event_id)
        assert (letter.consumer, letter.attempts) == ("recorder", 10)
        assert "poison" in whole.envelope
        assert count(owner, "inbox_retry") == 0
        await change(owner, MEND)
        async with db.system() as tx:
            assert await deadletters.requeue(tx, Letters(tenant, [letter.event_id], letter.consumer), wall_clock()) == 1
        await until(lambda: count(owner, "seen") == 1, "handled after all")
    assert count(owner, "dead_letters") == count(owner, "inbox_retry") == 0


async def test_later_events_of_a_resource_wait_behind_its_parked_one(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant, resource = uuid4(), uuid4()
    async with running(dispatcher(db, bus), router(db, bus)):
        await send(db, event(tenant, "poison", resource_id=resource, seq=1))
        await until(lambda: count(owner, "inbox_retry") == 1, "the first parked")
        await send(db, event(tenant, "2", resource_id=resource, seq=2), event(tenant, "100"))
        await until(lambda: count(owner, "inbox_retry") == 2, "the second behind it")
        await send(db, event(tenant, "3", resource_id=resource, seq=3))
        await until(lambda: count(owner, "inbox_retry") == 3, "the third behind it")
        await until(lambda: count(owner, "seen") == 1, "the other resource's event")
        await change(owner, MEND)
        await change(owner, "UPDATE inbox_retry SET next_attempt_at = now()")
        await until(lambda: count(owner, "seen") == 4, "all")
    assert [amount for _, amount, _ in seen(owner)] == [100, 13, 2, 3]


async def test_those_behind_a_dead_letter_go_on(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant, resource = uuid4(), uuid4()
    async with running(dispatcher(db, bus), router(db, bus)):
        await send(
            db, event(tenant, "poison", resource_id=resource, seq=1), event(tenant, "2", resource_id=resource, seq=2)
        )
        await until(lambda: count(owner, "inbox_retry") == 2, "both parked")
        await change(owner, LAST_ATTEMPT_NOW + " WHERE attempts > 0")
        await until(lambda: count(owner, "seen") == 1, "the one behind")
    assert count(owner, "dead_letters") == 1


async def test_a_lost_connection_never_parks(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant, calls = uuid4(), []

    async def loses_its_connection_twice(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        calls.append({event.id for event in events})
        if len(calls) <= 2:
            pid = await (await tx.conn.execute("SELECT pg_backend_pid()")).fetchone()
            owner.execute("SELECT pg_terminate_backend(%s, 5000)", pid)
        await on_rating_failed(service, tx, events)

    unlucky = Consumer("unlucky", Recorder("unlucky"), {RatingFailed: loses_its_connection_twice})
    await send(db, *[event(tenant, str(n)) for n in range(20)])
    async with running(dispatcher(db, bus, unlucky), router(db, bus, unlucky)):
        await until(lambda: count(owner, "seen") >= 20, "all of them")
    assert sorted(amount for _, amount, _ in seen(owner)) == list(range(20))
    assert count(owner, "inbox_retry") == count(owner, "dead_letters") == 0
    assert all(calls.count(lost) >= 2 for lost in calls[:2]), "the whole group is tried again, never halved"


async def test_an_event_that_comes_too_early_is_retried_alone(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()

    async def needs_the_meaning(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        known = await (await tx.conn.execute("SELECT count(*) FROM meanings")).fetchone()
        early = [e.id for e in events if e.payload.reason == "poison" and known == (0,)]
        if early:
            raise NotYet("the meaning hasn't arrived", early)
        await on_rating_failed(service, tx, events)

    patient = Consumer("patient", Recorder("patient"), {RatingFailed: needs_the_meaning})
    async with running(dispatcher(db, bus, patient), router(db, bus, patient)):
        await send(db, event(tenant, "poison"), event(tenant, "1"), event(tenant, "2"))
        await until(lambda: count(owner, "seen") == 2 and count(owner, "inbox_retry") == 1, "one waits")
        await change(owner, MEND)
        await until(lambda: count(owner, "seen") == 3, "it is handled")


async def test_a_message_that_cannot_be_decoded_becomes_a_dead_letter(db: Database, bus: NatsBus, owner: Owner) -> None:
    async with running(router(db, bus)):
        await bus.publish([OutgoingMessage("x", "rating.failed", uuid4(), b"\xff not JSON \x00")])
        await until(lambda: count(owner, "dead_letters") == 1, "kept")
    async with db.system() as tx:
        (letter,) = await deadletters.list_dead_letters(tx, Letters())
        assert await deadletters.discard(tx, Letters(letter.tenant_id, [letter.event_id], letter.consumer)) == 1
    assert count(owner, "dead_letters") == 0


async def test_a_message_too_large_is_given_up_and_others_of_its_resource_wait(
    db: Database, bus: NatsBus, owner: Owner
) -> None:
    tenant, resource = uuid4(), uuid4()
    await send(
        db,
        event(tenant, "9" * 1_100_000, resource_id=resource, seq=1),
        event(tenant, "2", resource_id=resource, seq=2),
        event(tenant, "100"),
    )
    async with running(dispatcher(db, bus), router(db, bus)):
        await until(lambda: count(owner, "billing_events", "status = 'failed'") == 1, "refused once")
        await until(lambda: count(owner, "seen") == 1, "the other resource's event")
        await change(
            owner, "UPDATE billing_events SET retry_count = 7, next_attempt_at = now() WHERE status = 'failed'"
        )
        await until(lambda: count(owner, "seen") == 2, "the one behind")
    assert [amount for _, amount, _ in seen(owner)] == [100, 2]
    assert owner.execute("SELECT consumer, attempts FROM dead_letters").fetchall() == [("dispatcher", 8)]


async def test_a_handler_ahead_of_its_schema_delays_nobody_else(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant, mode = uuid4(), ["bug"]

    async def ahead(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        if mode[0] == "bug":
            raise ValueError("not yet")
        if mode[0] == "ahead":
            await tx.conn.execute("SELECT 1 FROM table_to_come")
        await service.store(tx, events)

    both = [Consumer("ahead", Recorder("ahead"), {RatingFailed: ahead}), consumer()]
    await send(db, event(tenant, "poison"))
    async with running(dispatcher(db, bus, *both), router(db, bus, *both)):
        await until(lambda: count(owner, "inbox_retry") == 2, "both parked")
        mode[0] = "ahead"
        await change(owner, MEND)
        await change(owner, "UPDATE inbox_retry SET attempts = 9, next_attempt_at = now() - interval '1 hour'")
        await until(lambda: count(owner, "seen") == 1, "the other's")
        assert count(owner, "inbox_retry", "consumer = 'ahead' AND attempts = 9") == 1, "no attempt is counted"
        mode[0] = "fine"
        await until(lambda: count(owner, "seen") == 2, "its own")
    assert count(owner, "dead_letters") == 0


async def test_a_group_that_waits_too_long_for_its_schema_is_put_aside_whole(db: Database, owner: Owner) -> None:
    tenant, calls = uuid4(), []

    async def ahead(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        calls.append(len(events))
        await tx.conn.execute("SELECT 1 FROM table_to_come")

    new = [event(tenant, str(n)) for n in range(3)]
    envelopes = [
        Envelope(
            id=new_id(), subject="rating.failed", version=1, tenant_id=tenant, resource_id=e.resource_id, resource_seq=1,
            correlation_id=tenant, causation_id=None, traceparent=None, occurred_at=e.occurred_at, payload=e.payload,
        )
        for e in new
    ]  # fmt: skip
    group = Group(db, wall_clock, asyncio.Event(), attempts_with_schema=2)
    held = [Held(envelope, b"{}") for envelope in envelopes]
    await group.handle(Consumer("ahead", Recorder("ahead"), {RatingFailed: ahead}), ahead, held, Arrivals())
    assert calls == [3, 3]
    assert count(owner, "inbox_retry") == 3
