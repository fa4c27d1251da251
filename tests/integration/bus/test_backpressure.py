"""One slow handler holds its own places and messages, not those of others; no more is pulled than is being worked on."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import psycopg

from backbone import Recorder, count, dispatcher, event, running, send, until
from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.rating import RatingFailed
from corebilling.events.webhook import WebhookTest
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.router import Router
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx

Owner = psycopg.Connection[Any]


async def test_a_slow_subject_leaves_places_and_room_to_the_others(db: Database, bus: NatsBus, owner: Owner) -> None:
    go_on, at_once, largest = asyncio.Event(), 0, 0

    async def waits(service: Recorder, tx: Tx, events: Sequence[Envelope[WebhookTest]]) -> None:
        nonlocal at_once, largest
        at_once += 1
        largest = max(largest, at_once)
        await go_on.wait()
        at_once -= 1
        await tx.conn.execute(
            "INSERT INTO seen (tenant_id, consumer) SELECT t, 'slow' FROM unnest(%s::uuid[]) AS k(t)",
            ([event.tenant_id for event in events],),
        )

    async def quick(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        await service.store(tx, events)

    both: Consumer[Any] = Consumer("both", Recorder("both"), {WebhookTest: waits, RatingFailed: quick})
    narrow = Router(
        db=db, bus=bus, clock=wall_clock, consumers=[both],
        batch_size=10, messages_in_flight=60, groups_at_once=3, groups_per_subject=2,
    )  # fmt: skip
    tenant = uuid4()
    async with running(dispatcher(db, bus, both), narrow):
        await send(db, *[slow(tenant) for _ in range(40)])
        await until(lambda: largest == 2, "the slow handler has its two places")
        await send(db, *[event(tenant, str(n)) for n in range(200)])
        await until(lambda: count(owner, "seen", "amount IS NOT NULL") == 200, "all of the others")
        assert largest == 2
        go_on.set()
        await until(lambda: count(owner, "seen") == 240, "the slow ones as well")


async def test_no_more_is_pulled_than_there_is_room_for(db: Database, bus: NatsBus, owner: Owner) -> None:
    go_on, held = asyncio.Event(), 0

    async def waits(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        nonlocal held
        held += len(events)
        await go_on.wait()
        await service.store(tx, events)

    one = Consumer("one", Recorder("one"), {RatingFailed: waits})
    narrow = Router(
        db=db, bus=bus, clock=wall_clock, consumers=[one],
        batch_size=10, messages_in_flight=20, groups_at_once=4, groups_per_subject=4,
    )  # fmt: skip
    await send(db, *[event(uuid4(), str(n)) for n in range(100)])
    async with running(dispatcher(db, bus, one)):
        await until(lambda: count(owner, "billing_events", "status = 'dispatched'") == 100, "all lies on the bus")
    async with running(narrow):
        await until(lambda: held == 20, "as much as there is room for")
        assert await bus.backlog("billing-consumer") == 100
        assert held == 20
        go_on.set()
        await until(lambda: count(owner, "seen") == 100, "everything")


def slow(tenant_id: Any) -> NewEvent:
    now = wall_clock()
    return NewEvent(tenant_id, uuid4(), 1, WebhookTest(uuid4(), "slow"), now)
