"""One poison message of each kind in a batch: each ends alone in the dead letters, and comes back once its cause is mended."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest

from backbone import Recorder, change, consumer, count, dispatcher, event, router, running, seen, send, until
from corebilling.events.catalog import BY_PAYLOAD, BY_SUBJECT, EventType
from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingFailed
from corebilling.platform.bus import deadletters, wire
from corebilling.platform.bus.deadletters import Letters
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.outbox import emit
from corebilling.platform.bus.port import OutgoingMessage
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx
from corebilling.platform.queries.outbox import ClaimEventsRow

Owner = psycopg.Connection[Any]

BUG, TOO_LARGE, OF_ANOTHER_VERSION, WITHOUT_REASON, OF_ANOTHER_SUBJECT = 3, 5000, 17, 23, 100


class RatingFailedLater(msgspec.Struct, frozen=True):
    """The payload as a later release knows it: the reason may be missing."""

    reason: str = str(WITHOUT_REASON)


class RatingFailedAgain(msgspec.Struct, frozen=True):
    """The payload of a subject that only a later release knows."""

    reason: str


async def test_each_kind_of_poison_ends_alone_and_is_handled_after_its_mending(
    db: Database, bus: NatsBus, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, bugs = uuid4(), {str(BUG)}

    async def has_a_bug(service: Recorder, tx: Tx, events: Sequence[Envelope[Any]]) -> None:
        if bugs & {event.payload.reason for event in events}:
            raise KeyError("reason")
        await service.store(tx, events)

    careless = Consumer("recorder", Recorder("recorder"), {RatingFailed: has_a_bug})
    owner.execute("ALTER TABLE seen ADD CONSTRAINT small CHECK (amount < 1000)")
    numbers = [*range(40), TOO_LARGE]
    await send(db, *[event(tenant, str(n)) for n in numbers])
    owner.execute("UPDATE billing_events SET version = 2 WHERE payload ->> 'reason' = %s", (str(OF_ANOTHER_VERSION),))
    owner.execute(
        "UPDATE billing_events SET payload = (payload::jsonb - 'reason')::json WHERE payload ->> 'reason' = %s",
        (str(WITHOUT_REASON),),
    )
    await bus.publish([_unknown(tenant)])
    async with running(dispatcher(db, bus, careless), router(db, bus, careless)):
        await until(lambda: count(owner, "seen") == len(numbers) - 4, "all others")
        await until(lambda: count(owner, "inbox_retry") == 4, "those that might still succeed are parked")
        await change(owner, "UPDATE inbox_retry SET attempts = 9, next_attempt_at = now()")
        await until(lambda: count(owner, "dead_letters") == 5, "each is given up")
    kinds = "SELECT consumer, error_type, split_part(error, ' ', 1) FROM dead_letters ORDER BY 1, 2, 3"
    assert owner.execute(kinds).fetchall() == [
        ("recorder", "CheckViolation", "new"),
        ("recorder", "KeyError", "'reason'"),
        ("recorder", "Undecodable", "the"),
        ("recorder", "UnknownHere", "unknown"),
        ("router", "UnknownHere", "the"),
    ]

    owner.execute("ALTER TABLE seen DROP CONSTRAINT small")
    bugs.clear()
    _release(monkeypatch)
    mended = Consumer("recorder", Recorder("recorder"), {RatingFailed: has_a_bug, RatingFailedAgain: has_a_bug})
    async with db.system() as tx:
        assert await deadletters.requeue(tx, Letters(), wall_clock()) == 5
    async with running(router(db, bus, mended)):
        await until(lambda: count(owner, "seen") == len(numbers) + 1, "the five as well")
    assert sorted(amount for _, amount, _ in seen(owner)) == sorted([*numbers, OF_ANOTHER_SUBJECT])
    assert count(owner, "dead_letters") == count(owner, "inbox_retry") == 0


async def test_an_event_of_a_release_that_is_being_rolled_out_waits_for_it(
    db: Database, bus: NatsBus, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(router(db, bus)):
        await bus.publish([_unknown(uuid4())])
        await until(lambda: count(owner, "inbox_retry", "consumer = 'router' AND attempts > 1") == 1, "tried again")
    _release(monkeypatch)
    newer = Consumer("recorder", Recorder("recorder"), {RatingFailedAgain: Recorder.store})
    await change(owner, "UPDATE inbox_retry SET next_attempt_at = now()")
    async with running(router(db, bus, newer)):
        await until(lambda: count(owner, "seen") == 1, "the release that knows it")
    assert count(owner, "dead_letters") == count(owner, "inbox_retry") == 0


async def test_what_is_still_not_understood_returns_to_the_dead_letters(
    db: Database, bus: NatsBus, owner: Owner
) -> None:
    async with running(router(db, bus)):
        await bus.publish([OutgoingMessage("x", "rating.failed", uuid4(), b"\xff not JSON \x00"), _unknown(uuid4())])
        await until(lambda: count(owner, "inbox_retry") == 1, "one might be known to others")
        await change(owner, "UPDATE inbox_retry SET attempts = 9, next_attempt_at = now()")
        await until(lambda: count(owner, "dead_letters") == 2, "kept")
        async with db.system() as tx:
            assert await deadletters.requeue(tx, Letters(), wall_clock()) == 2
        await until(lambda: count(owner, "inbox_retry", "attempts > 0") == 1, "tried")
        await change(owner, "UPDATE inbox_retry SET attempts = 9, next_attempt_at = now()")
        await until(lambda: count(owner, "dead_letters") == 2 and not count(owner, "inbox_retry"), "kept again")
    assert owner.execute("SELECT DISTINCT consumer FROM dead_letters").fetchall() == [("router",)]


async def test_a_replay_for_one_consumer_reaches_no_other(db: Database, bus: NatsBus, owner: Owner) -> None:
    consumers = consumer("first"), consumer("second")
    async with running(dispatcher(db, bus, *consumers), router(db, bus, *consumers)):
        await send(db, event(uuid4(), "1"))
        await until(lambda: count(owner, "seen") == 2, "both")
        await change(owner, "DELETE FROM inbox")
        again = "UPDATE billing_events SET status = 'pending', republished = republished + 1, replay_for = 'second'"
        await change(owner, again)
        await until(lambda: count(owner, "inbox") == 1, "the replay")
        await until(lambda: count(owner, "outbox_replayed") == 1, "the sweep knows of it")
        await change(owner, again)
        await until(lambda: count(owner, "billing_events", "status = 'dispatched'") == 1, "a replay of what is taken")
        await send(db, event(uuid4(), "2"))
        await until(lambda: count(owner, "seen", "amount = 2") == 2, "the event after")
    assert [name for _, amount, name in seen(owner) if amount == 1].count("second") == 2
    assert [name for _, amount, name in seen(owner) if amount == 1].count("first") == 1


async def test_the_handler_of_a_projection_cannot_emit(db: Database, bus: NatsBus, owner: Owner) -> None:
    async def emits(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        await emit(tx, [event(uuid4(), "never")])

    async def forget(*_: Any) -> int:
        return 0

    projection = Consumer("projection", Recorder("projection"), {RatingFailed: emits}, forget=forget)
    async with running(dispatcher(db, bus, projection), router(db, bus, projection)):
        await send(db, event(uuid4(), "1"))
        await until(lambda: count(owner, "inbox_retry") == 1, "refused")
    assert owner.execute("SELECT error_type FROM inbox_retry").fetchall() == [("RuntimeError",)]
    assert count(owner, "billing_events") == 1


def _unknown(tenant_id: Any) -> OutgoingMessage:
    """A message of a subject that this release doesn't know, as a newer one publishes it."""
    event_id = uuid4()
    row = ClaimEventsRow(
        event_id=event_id, tenant_id=tenant_id, shard=0, subject="rating.failed.again", version=1, resource_id=event_id,
        resource_seq=1, correlation_id=event_id, causation_id=None, traceparent=None, occurred_at=wall_clock(),
        payload=f'{{"reason": "{OF_ANOTHER_SUBJECT}"}}', retry_count=0, republished=0, replay_for=None,
    )  # fmt: skip
    return OutgoingMessage(str(event_id), "rating.failed", event_id, wire.encode(row).body)


def _release(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog of a later release."""
    later = EventType("rating.failed", 2, RatingFailed, "rating", "subscription", True)
    again = EventType("rating.failed.again", 1, RatingFailedAgain, "rating", "subscription", False)
    monkeypatch.setitem(BY_SUBJECT, later.subject, later)
    monkeypatch.setitem(BY_SUBJECT, again.subject, again)
    monkeypatch.setitem(BY_PAYLOAD, RatingFailedAgain, again)
    for subject, payload in ((later.subject, RatingFailedLater), (again.subject, RatingFailedAgain)):
        monkeypatch.setitem(wire._decode_payload, subject, msgspec.json.Decoder(payload).decode)
