"""Events are sent on their way again: at a pace, for those who haven't taken them, and as often as workers die in between."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
from replays import Desk

from backbone import consumer, count, dispatcher, event, router, running, seen, send, until
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.db import Database, Tx
from corebilling.platform.eventlog.replaying import Replay
from corebilling.platform.eventlog.schemas_replay import ReplayRequest
from corebilling.platform.jobs.kinds import Chunk, Job

Owner = psycopg.Connection[Any]

PUBLISHED = "UPDATE billing_events SET status = 'dispatched', dispatched_at = now()"
LETTER = """INSERT INTO dead_letters (tenant_id, consumer, event_id, subject, resource_id, resource_seq, reason, error_type, error,
    attempts, first_failed_at, last_failed_at, envelope)
  SELECT tenant_id, 'dispatcher', event_id, subject, resource_id, 1, 'refused', 'Refused', 'no', 8, now(), now(), '{}'
  FROM billing_events WHERE event_id = %s"""
REFUSED = "UPDATE billing_events SET status = 'dead_letter' WHERE event_id = %s"
TOLD = "SELECT payload ->> 'outcome', (payload ->> 'replayed')::integer FROM billing_events WHERE subject = 'billing.replay.finished'"


async def test_a_replay_reaches_who_has_not_taken_the_events_and_nobody_twice(
    db: Database, bus: NatsBus, owner: Owner
) -> None:
    ours, theirs = uuid4(), uuid4()
    await send(db, *[event(ours, str(n)) for n in range(20)], *[event(theirs, "100") for _ in range(5)])
    (stuck,) = (
        owner.execute("SELECT event_id FROM billing_events WHERE tenant_id = %s LIMIT 1", [ours]).fetchone() or ()
    )
    owner.execute(REFUSED, [stuck])
    owner.execute(LETTER, [stuck])
    both = [consumer(), consumer("latecomer")]
    async with running(dispatcher(db, bus), router(db, bus)):
        await until(lambda: count(owner, "seen") == 24, "all that could be published")
    stories = owner.execute("SELECT event_id, correlation_id FROM billing_events ORDER BY event_id").fetchall()

    desk = Desk(db, *both)
    async with db.tenant(ours) as tx:
        request = ReplayRequest(start=desk.now() - timedelta(hours=1), reason="a test", subjects=["rating.*"])
        plan = await desk.replay.plan(tx, ours, request)
    assert [(s.subject, s.events, s.unpublished) for s in plan.subjects] == [("rating.failed", 20, 1)]
    assert [(c.consumer, c.taken, c.to_be_handled) for c in plan.consumers] == [
        ("latecomer", 0, 20),
        ("recorder", 19, 1),
    ]

    async with running(dispatcher(db, bus, *both), router(db, bus, *both)):
        job = await desk.done(ours, await desk.start(ours, rate_per_second=5000))
        await until(lambda: count(owner, "seen") == 45, "the twenty for the latecomer, and the one that was stuck")
        await until(lambda: count(owner, "billing_events", "status <> 'dispatched'") == 0, "everything published")
        lag = lambda: count(owner, "inbox", "consumer = 'latecomer'") == 20  # noqa: E731
        await until(lag, "all taken")
    assert (job.state, bytes(job.result or b"")) == ("succeeded", b'{"replayed":20,"forgotten":0}')
    by_consumer = [(tenant, who) for tenant, _, who in seen(owner)]
    assert {pair: by_consumer.count(pair) for pair in by_consumer} == {
        (ours, "recorder"): 20, (theirs, "recorder"): 5, (ours, "latecomer"): 20,
    }  # fmt: skip
    assert owner.execute(TOLD).fetchall() == [("succeeded", 20)]
    assert (
        owner.execute(
            "SELECT event_id, correlation_id FROM billing_events WHERE subject = 'rating.failed' ORDER BY event_id"
        ).fetchall()
        == stories
    )
    assert count(owner, "dead_letters") == 0
    assert count(owner, "billing_events", f"tenant_id = '{theirs}' AND republished > 0") == 0


async def test_a_replay_keeps_its_pace_and_its_place_over_the_death_of_its_worker(db: Database, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, *[event(tenant, str(n)) for n in range(25)])
    owner.execute(PUBLISHED)
    desk = Desk(db, consumer())
    job_id = await desk.start(tenant, rate_per_second=10)
    sent = lambda: count(owner, "billing_events", "republished > 0")  # noqa: E731

    async def dies(replay: Replay, tx: Tx, job: Job) -> Chunk:
        """All of a chunk is done but its commit: as a process that is killed then."""
        await replay.step(tx, job)
        raise asyncio.CancelledError

    assert await desk.worker().work_once()
    assert sent() == 10
    assert not await desk.worker().work_once(), "another worker may go on no earlier"
    desk.ahead += timedelta(seconds=2)
    dying = asyncio.create_task(desk.worker(dies).work_once())
    await asyncio.gather(dying, return_exceptions=True)
    assert sent() == 10, "nothing of the chunk is left"
    assert not await desk.worker().work_once(), "the dead worker's lease still holds"
    desk.ahead += timedelta(seconds=31)
    assert await desk.worker().work_once()
    assert sent() == 20
    desk.ahead += timedelta(seconds=2)
    assert await desk.worker().work_once()
    assert (await desk.look(tenant, job_id)).state == "succeeded"
    assert count(owner, "billing_events", "republished = 1 AND status = 'pending' AND subject = 'rating.failed'") == 25
    assert owner.execute(TOLD).fetchall() == [("succeeded", 25)]


async def test_a_canceled_replay_stops_and_says_how_far_it_got(db: Database, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, *[event(tenant, str(n)) for n in range(25)])
    owner.execute(PUBLISHED)
    desk = Desk(db, consumer())
    job_id = await desk.start(tenant, rate_per_second=10)
    await desk.worker().work_once()
    async with db.tenant(tenant) as tx:
        await desk.jobs.cancel(tx, tenant, job_id)
    desk.ahead += timedelta(minutes=1)
    assert not await desk.worker().work_once()
    assert count(owner, "billing_events", "republished > 0") == 10
    assert owner.execute(TOLD).fetchall() == [("canceled", 10)]


async def test_a_replay_for_one_consumer_leaves_the_others_alone(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()
    await send(db, *[event(tenant, str(n)) for n in range(3)])
    owner.execute(PUBLISHED)  # and lost: nobody has taken them
    both = [consumer("one"), consumer("other")]
    desk = Desk(db, *both)
    async with running(dispatcher(db, bus, *both), router(db, bus, *both)):
        await desk.done(tenant, await desk.start(tenant, consumer="one"))
        await until(lambda: count(owner, "seen") == 3, "the one's")
        await until(lambda: count(owner, "billing_events", "status <> 'dispatched'") == 0, "everything published")
    assert {who for _, _, who in seen(owner)} == {"one"}
    assert [row[0] for row in owner.execute("SELECT DISTINCT consumer FROM inbox").fetchall()] == ["one"]


async def test_a_replay_for_one_of_what_nobody_got_goes_to_everybody(db: Database, bus: NatsBus, owner: Owner) -> None:
    """What the bus had refused was never published: its dead letter goes, so all must get it now."""
    tenant = uuid4()
    one, two = consumer("one"), consumer("two")
    await send(db, event(tenant, "1"))
    owner.execute("UPDATE billing_events SET status = 'dead_letter', retry_count = 8")
    owner.execute("UPDATE outbox_sweep SET swept_to = (SELECT max(event_id::text)::uuid FROM billing_events)")
    desk = Desk(db, one, two)
    async with running(dispatcher(db, bus, one, two), router(db, bus, one, two)):
        await desk.done(tenant, await desk.start(tenant, consumer="one"))
        await until(lambda: count(owner, "seen") == 2, "both have it")


async def test_two_replays_at_once_reach_both_their_consumers(db: Database, bus: NatsBus, owner: Owner) -> None:
    tenant = uuid4()
    one, two = consumer("one"), consumer("two")
    await send(db, *(event(tenant, str(n)) for n in range(10)))
    owner.execute("UPDATE billing_events SET status = 'dispatched', dispatched_at = now()")
    owner.execute("UPDATE outbox_sweep SET swept_to = (SELECT max(event_id::text)::uuid FROM billing_events)")
    desk = Desk(db, one, two)
    for name in ("one", "two"):
        await desk.done(tenant, await desk.start(tenant, consumer=name))
    async with running(dispatcher(db, bus, one, two), router(db, bus, one, two)):
        await until(lambda: count(owner, "seen") == 20, "each has all")
