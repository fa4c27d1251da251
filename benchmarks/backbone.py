"""Outbox to bus: how many events a second a dispatcher carries, and how long one takes from commit to handler."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from benchmarks.results import Result
from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.tenant import TenantUpdated
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.dispatcher import Dispatcher
from corebilling.platform.bus.handlers import Consumer, HandlerTable, Subscriptions
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.outbox import emit
from corebilling.platform.bus.router import Router
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx

EVENTS = 100_000
BATCH = 1_000
IDLE_EVENTS = 500
IDLE_SECONDS = 0.01
TENANTS = 20


class Stopwatch:
    """A consumer that notes when each resource's event reached its handler, in the transaction of its inbox row."""

    def __init__(self) -> None:
        self.arrived: dict[UUID, float] = {}


async def on_tenant_updated(watch: Stopwatch, tx: Tx, events: Sequence[Envelope[TenantUpdated]]) -> None:
    """Note the time."""
    now = time.perf_counter()
    watch.arrived.update((event.resource_id, now) for event in events)


HANDLERS: HandlerTable[Stopwatch] = {TenantUpdated: on_tenant_updated}


async def _write(db: Database, tenants: Sequence[UUID], count: int) -> list[UUID]:
    resources = [new_id() for _ in range(count)]
    now = wall_clock()
    payload = [TenantUpdated(tenant, "Bench", "eu", "EUR", "UTC", "active") for tenant in tenants]
    events = [
        NewEvent(tenants[n % len(tenants)], resource, 1, payload[n % len(tenants)], now)
        for n, resource in enumerate(resources)
    ]
    async with db.tenants(tenants) as tx:
        await emit(tx, events)
    return resources


async def run(database_url: str, nats_url: str, scale: float) -> list[Result]:
    """One dispatcher and one router in this process, on a database and a bus that nobody else uses."""
    db, bus, watch = Database(database_url), NatsBus(nats_url), Stopwatch()
    consumers = [Consumer("bench", watch, HANDLERS)]
    dispatcher = Dispatcher(db=db, bus=bus, clock=wall_clock, subscriptions=Subscriptions(consumers))
    router = Router(db=db, bus=bus, clock=wall_clock, consumers=consumers)
    tenants = [new_id() for _ in range(TENANTS)]
    await db.open()
    await bus.connect()
    try:
        dispatched = await _dispatch(db, dispatcher, tenants, int(EVENTS * scale))
        handled, lags = await _handle(db, dispatcher, router, watch, tenants, max(50, int(IDLE_EVENTS * scale)))
    finally:
        await bus.close()
        await db.close()
    p50, p99 = lags[len(lags) // 2], lags[int(len(lags) * 0.99)]
    return [
        Result(
            "outbox to bus, one dispatcher", dispatched, "events/s", 15_000, "claimed, published, acknowledged, marked"
        ),
        Result(
            "bus to handler, one router",
            handled,
            "events/s",
            None,
            "fetched, inbox row, handler, committed, acknowledged",
        ),
        Result(
            "commit to handler, idle, p50",
            p50,
            "ms",
            None,
            f"{len(lags)} events, one every {IDLE_SECONDS * 1000:.0f} ms",
            True,
        ),
        Result("commit to handler, idle, p99", p99, "ms", 50, "", True),
    ]


async def _dispatch(db: Database, dispatcher: Dispatcher, tenants: Sequence[UUID], count: int) -> float:
    for start in range(0, count, BATCH):
        await _write(db, tenants, min(BATCH, count - start))
    stopping = asyncio.Event()
    started = time.perf_counter()
    running = asyncio.create_task(dispatcher.run(stopping))
    while await _pending(db):
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - started
    stopping.set()
    await running
    return count / seconds


async def _pending(db: Database) -> bool:
    async with db.system() as tx:
        found = await tx.conn.execute("SELECT EXISTS (SELECT 1 FROM billing_events WHERE status = 'pending')")
        row = await found.fetchone()
    return bool(row and row[0])


async def _handle(
    db: Database, dispatcher: Dispatcher, router: Router, watch: Stopwatch, tenants: Sequence[UUID], idle_events: int
) -> tuple[float, list[float]]:
    """Drain what lies on the bus, then send single events at rest and time each."""
    stopping = asyncio.Event()
    tasks = [asyncio.create_task(router.run(stopping))]
    started, seen = time.perf_counter(), -1
    while len(watch.arrived) != seen or not seen:
        seen = len(watch.arrived)
        await asyncio.sleep(1.0)
    handled = seen / max(1e-9, max(watch.arrived.values()) - started)
    tasks.append(asyncio.create_task(dispatcher.run(stopping)))
    lags = []
    for _ in range(idle_events):
        [resource] = await _write(db, tenants[:1], 1)
        committed = time.perf_counter()
        while resource not in watch.arrived:
            await asyncio.sleep(0.0005)
        lags.append((watch.arrived[resource] - committed) * 1000)
        await asyncio.sleep(IDLE_SECONDS)
    stopping.set()
    await asyncio.gather(*tasks)
    return handled, sorted(lags)
