"""A projection rebuilt by replay equals the live one, also while events go on arriving; nobody else's is touched."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.rows import dict_row
from replays import Desk

from backbone import change, count, dispatcher, router, running, send, until
from corebilling.container import Container
from corebilling.customer.domain.entitlements import gathered
from corebilling.events.catalog import BY_SUBJECT
from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.subscription import (
    SubscriptionCanceled,
    SubscriptionCreated,
    SubscriptionPriceUpdated,
    SubscriptionStatusChanged,
    SubscriptionUpdated,
)
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.db import Database
from corebilling.settings import Settings

Owner = psycopg.Connection[Any]

START = datetime(2026, 4, 1, tzinfo=UTC)
LETTER = """INSERT INTO dead_letters (tenant_id, consumer, event_id, subject, resource_id, resource_seq, reason, error_type, error,
    attempts, first_failed_at, last_failed_at, envelope)
  SELECT tenant_id, 'entitlements', event_id, subject, resource_id, 1, 'failed 10 times', 'Bug', 'no', 10, now(), now(), '{}'
  FROM billing_events WHERE tenant_id = %s LIMIT 1"""


class Trade:
    """Subscriptions that begin and change, each change one event with the next sequence number."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.random = random.Random(7)
        self.customer = uuid4()
        self.seqs: dict[UUID, int] = {}

    def begun(self) -> NewEvent:
        subscription = uuid4()
        created = SubscriptionCreated(
            subscription, self.customer, uuid4(), "EUR", START, "UTC", "month", 1, "trialing", True, START, []
        )
        return self._event(subscription, created)

    def changed(self) -> NewEvent:
        subscription = self.random.choice(list(self.seqs))
        end = START + timedelta(days=self.random.randrange(100))
        payloads: Sequence[msgspec.Struct] = (
            SubscriptionUpdated(subscription, self.customer, uuid4(), "active", "plan", START, None),
            SubscriptionStatusChanged(subscription, "active", self.random.choice(["past_due", "active", "paused"])),
            SubscriptionPriceUpdated(subscription, START, [uuid4()]),
            SubscriptionCanceled(subscription, end),
        )
        return self._event(subscription, self.random.choice(payloads))

    def _event(self, subscription: UUID, payload: msgspec.Struct) -> NewEvent:
        seq = self.seqs[subscription] = self.seqs.get(subscription, 0) + 1
        return NewEvent(self.tenant_id, subscription, seq, payload, START + timedelta(hours=seq))


def projection(database_url: str) -> Consumer[Any]:
    """As the product wires it."""
    container = Container(settings=Settings(database_url=database_url, environment="development"))
    return next(each for each in container.consumers() if each.name == "entitlements")


def told(owner: Owner, tenant: UUID) -> list[dict[str, Any]]:
    """What the tenant's events amount to when they are simply read, without bus, inbox or table."""
    rows = owner.execute(
        "SELECT event_id, subject, resource_id, resource_seq, occurred_at, payload::text FROM billing_events "
        "WHERE tenant_id = %s AND subject LIKE 'subscription.%%'",
        [tenant],
    ).fetchall()
    events = [
        Envelope(
            event_id, subject, 1, tenant, resource, seq, event_id, None, None, at,
            msgspec.json.decode(payload, type=BY_SUBJECT[subject].payload),
        )
        for event_id, subject, resource, seq, at, payload in rows
    ]  # fmt: skip
    return [
        {
            "tenant_id": each.tenant_id,
            "subscription_id": each.subscription_id,
            "customer_id": each.customer_id,
            "starts_at": each.starts_at,
            "plan_id": each.plan_id,
            "plan_seq": each.plan_place.seq,
            "plan_event_id": each.plan_place.event_id,
            "status": each.status,
            "status_seq": each.status_place.seq,
            "status_event_id": each.status_place.event_id,
            "ends_at": each.ends_at,
            "ends_seq": each.ends_place.seq,
            "ends_event_id": each.ends_place.event_id,
            "price_ids": None if each.price_ids is None else [str(price) for price in each.price_ids],
            "prices_seq": each.prices_place.seq,
            "prices_event_id": each.prices_place.event_id,
            "seq": each.seq,
            "first_event_at": each.first_event_at,
            "last_event_at": each.last_event_at,
        }
        for each in gathered(events)
    ]


def held(owner: Owner, tenant: UUID) -> list[dict[str, Any]]:
    with owner.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT * FROM customer_entitlements WHERE tenant_id = %s ORDER BY subscription_id", [tenant]
        ).fetchall()


async def test_a_projection_rebuilt_while_events_arrive_equals_the_live_one(
    db: Database, bus: NatsBus, owner: Owner, database_url: str
) -> None:
    entitlements = projection(database_url)
    ours, theirs = Trade(uuid4()), Trade(uuid4())
    for trade in (ours, theirs):
        await send(db, *[trade.begun() for _ in range(20)], *[trade.changed() for _ in range(60)])
    desk = Desk(db, entitlements)

    async def goes_on() -> None:
        for _ in range(30):
            await send(db, ours.begun(), *[ours.changed() for _ in range(5)])
            await asyncio.sleep(0.02)

    def everything_taken() -> bool:
        events = count(owner, "billing_events", "subject LIKE 'subscription.%'")
        return events == count(owner, "inbox") and count(owner, "billing_events", "status <> 'dispatched'") == 0

    async with running(dispatcher(db, bus, entitlements), router(db, bus, entitlements)):
        await until(everything_taken, "the first events")
        assert held(owner, ours.tenant_id) == told(owner, ours.tenant_id), "the live one, to begin with"
        await change(owner, LETTER, ours.tenant_id)
        await change(owner, "UPDATE customer_entitlements SET status = 'spoiled', status_seq = 999")
        await change(owner, "DELETE FROM customer_entitlements WHERE tenant_id = %s AND plan_seq > 1", ours.tenant_id)
        others = held(owner, theirs.tenant_id)
        trading = asyncio.create_task(goes_on())
        job = await desk.done(
            ours.tenant_id, await desk.start(ours.tenant_id, consumer="entitlements", rebuild=True, rate_per_second=200)
        )
        await trading
        await until(everything_taken, "what arrived meanwhile")
        assert held(owner, ours.tenant_id) == told(owner, ours.tenant_id), "rebuilt"
        rebuilt = held(owner, ours.tenant_id)
        await desk.done(ours.tenant_id, await desk.start(ours.tenant_id, consumer="entitlements", rebuild=True))
        await until(everything_taken, "the second rebuild")
        assert held(owner, ours.tenant_id) == rebuilt, "rebuilding what is right changes nothing"
    assert job.state == "succeeded"
    assert msgspec.json.decode(job.result or b"{}")["replayed"] >= 80
    assert count(owner, "dead_letters") == 0
    assert held(owner, theirs.tenant_id) == others, "the other tenant's is as it was"
    assert count(owner, "billing_events", f"tenant_id = '{theirs.tenant_id}' AND republished > 0") == 0


async def test_a_rebuild_ends_only_when_everything_is_taken_and_sends_again_what_got_lost(
    db: Database, bus: NatsBus, owner: Owner, database_url: str
) -> None:
    entitlements = projection(database_url)
    trade = Trade(uuid4())
    await send(db, *[trade.begun() for _ in range(5)])
    await change(owner, "UPDATE billing_events SET status = 'dispatched', dispatched_at = now()")
    desk = Desk(db, entitlements)
    job_id = await desk.start(trade.tenant_id, consumer="entitlements", rebuild=True)
    worker = desk.worker()
    await worker.work_once()
    await change(owner, "UPDATE billing_events SET status = 'dispatched', dispatched_at = now()")  # and lost by the bus
    for _ in range(3):
        desk.ahead += timedelta(seconds=2)
        await worker.work_once()
    assert (await desk.look(trade.tenant_id, job_id)).state == "queued", "nobody has taken them yet"
    assert count(owner, "billing_events", "republished = 1 AND status = 'dispatched'") == 5
    desk.ahead += timedelta(minutes=6)
    async with running(dispatcher(db, bus, entitlements), router(db, bus, entitlements)):
        job = await desk.done(trade.tenant_id, job_id)
    assert job.state == "succeeded"
    assert held(owner, trade.tenant_id) == told(owner, trade.tenant_id)
