"""Outbox to bus to handler, on either bus: events a second, and how long one takes.

Dispatchers and the router with the real handler are the product's own processes; times are read from what they write.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec

from benchmarks.buses import Place
from benchmarks.results import Result
from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import InvoiceSent
from corebilling.events.tenant import TenantUpdated
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.handlers import Consumer, HandlerTable
from corebilling.platform.bus.outbox import emit
from corebilling.platform.bus.port import Bus
from corebilling.platform.bus.router import Router
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx
from corebilling.platform.embedded.roles import RoleProcess
from corebilling.platform.secrets import generate_key

EVENTS = 100_000
BATCH = 1_000
TENANTS = 20
PROBES = 400
PROBE_SECONDS = 0.01
LOAD_BATCH = 100
LOAD_SECONDS = 0.02
SHARING = timedelta(seconds=12)
LOAD_PER_SECOND = int(LOAD_BATCH / LOAD_SECONDS)


class Stopwatch:
    """A consumer that counts, in the transaction of its inbox rows: a handler that does nothing else."""

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = 0.0


async def on_tenant_updated(watch: Stopwatch, tx: Tx, events: Sequence[Envelope[TenantUpdated]]) -> None:
    """Count, and note the time."""
    watch.last = time.perf_counter()
    watch.first = watch.first or watch.last
    watch.count += len(events)


HANDLERS: HandlerTable[Stopwatch] = {TenantUpdated: on_tenant_updated}


class Bench(msgspec.Struct, frozen=True):
    """Where to measure: a database and a bus that nobody else uses, and the environment that says so to the roles."""

    db: Database
    bus: Bus
    name: str
    environment: Mapping[str, str]
    logs: Path
    tenants: tuple[UUID, ...]


async def run(database_url: str, place: Place, scale: float) -> list[Result]:
    """Every figure for one bus."""
    db, bus = Database(database_url), place.connection()
    await db.open()
    await bus.connect()
    with tempfile.TemporaryDirectory() as logs:
        tenants = tuple(new_id() for _ in range(TENANTS))
        environment = roles_environment(database_url, place.environment)
        bench = Bench(db, bus, place.name, environment, Path(logs), tenants)
        try:
            return await _measure(bench, max(5_000, int(EVENTS * scale)))
        finally:
            await bus.close()
            await db.close()


def roles_environment(database_url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What the product's own processes are started with."""
    quiet = {"ENVIRONMENT": "development", "OTEL_SDK_DISABLED": "true", "LOG_LEVEL": "WARNING"}
    return {**quiet, "DATABASE_URL": database_url, "ENCRYPTION_KEYS": generate_key(), **environment}


async def _measure(bench: Bench, count: int) -> list[Result]:
    one = await dispatch(bench, count, dispatchers=1)
    two = await dispatch(bench, count, dispatchers=2)
    handled = await trivial(bench, 2 * count)
    async with _roles(bench, {"worker": 1}):
        idle, loaded = await _lag(bench, loaded=False), await _lag(bench, loaded=True)
    real = await _real(bench, count // 2)
    on = f"{bench.name}: "
    under = f"beside {LOAD_PER_SECOND:,} events/s"
    return [
        Result(on + "outbox to bus, one dispatcher", one, "events/s", 20_000, "claimed, published, acked, marked"),
        Result(on + "outbox to bus, two dispatchers", two, "events/s", None, "each a process of its own"),
        Result(on + "bus to a trivial handler, one router", handled, "events/s", None, "fetched, inbox row, acked"),
        Result(on + "bus to a real handler, one router", real, "events/s", 8_000, "webhooks: a message and a delivery each"),
        Result(on + "commit to acknowledged by the bus, idle, p50", _at(idle, 0.5), "ms", None, "", True),
        Result(on + "commit to acknowledged by the bus, idle, p99", _at(idle, 0.99), "ms", 50, "", True),
        Result(on + "the same under load, p50", _at(loaded, 0.5), "ms", None, under, True),
        Result(on + "the same under load, p99", _at(loaded, 0.99), "ms", None, under, True),
    ]  # fmt: skip


async def _write(bench: Bench, count: int) -> list[UUID]:
    """One commit of events about as many resources; answers these."""
    resources = [new_id() for _ in range(count)]
    now = wall_clock()
    payload = TenantUpdated(bench.tenants[0], "Bench", "eu", "EUR", "UTC", "active")
    payloads = {tenant: msgspec.structs.replace(payload, tenant_id=tenant) for tenant in bench.tenants}
    events = [
        NewEvent(tenant, resource, 1, payloads[tenant], now)
        for n, resource in enumerate(resources)
        for tenant in [bench.tenants[n % TENANTS]]
    ]
    async with bench.db.tenants(bench.tenants) as tx:
        await emit(tx, events)
    return resources


async def dispatch(bench: Bench, count: int, *, dispatchers: int) -> float:
    """Fill the outbox, then start: from the first mark to the last. Several dispatchers share the shards before it is due."""
    for _ in range(count // BATCH):
        await _write(bench, BATCH)
    began = wall_clock()
    async with _roles(bench, {"worker": dispatchers}, not_before=began + SHARING if dispatchers > 1 else None):
        while await value(bench, "SELECT 1 FROM billing_events WHERE status = 'pending' LIMIT 1"):
            await asyncio.sleep(0.1)
    span = "SELECT extract(epoch FROM max(dispatched_at) - min(dispatched_at)) FROM billing_events WHERE dispatched_at > %s"
    return count / float(str(await value(bench, span, began)))


async def trivial(bench: Bench, count: int) -> float:
    """Drain what lies on the bus through a handler that does nothing."""
    watch, stopping = Stopwatch(), asyncio.Event()
    consumers = [Consumer("bench", watch, HANDLERS)]
    router = Router(db=bench.db, bus=bench.bus, clock=wall_clock, consumers=consumers, durable="bench")
    running = asyncio.create_task(router.run(stopping))
    while watch.count < count:
        await asyncio.sleep(0.1)
    stopping.set()
    await running
    return count / (watch.last - watch.first)


async def _lag(bench: Bench, *, loaded: bool) -> list[float]:
    """Milliseconds from the commit of single events to the mark that the bus has them, sorted."""
    stopping = asyncio.Event()
    load = asyncio.create_task(_load(bench, stopping)) if loaded else None
    committed: dict[UUID, datetime] = {}
    for _ in range(PROBES):
        [resource] = await _write(bench, 1)
        committed[resource] = wall_clock()
        await asyncio.sleep(PROBE_SECONDS)
    stopping.set()
    if load:
        await load
    while await value(bench, "SELECT 1 FROM billing_events WHERE status = 'pending' LIMIT 1"):
        await asyncio.sleep(0.1)
    async with bench.db.system() as tx:
        found = await tx.conn.execute(
            "SELECT resource_id, dispatched_at FROM billing_events WHERE resource_id = ANY(%s)", (list(committed),)
        )
        rows = await found.fetchall()
    return sorted((at - committed[resource]).total_seconds() * 1000 for resource, at in rows)


async def _load(bench: Bench, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        started = time.perf_counter()
        await _write(bench, LOAD_BATCH)
        await asyncio.sleep(max(0.0, LOAD_SECONDS - (time.perf_counter() - started)))


async def _real(bench: Bench, count: int) -> float:
    """The router's own process hands events to the webhook context, every tenant having an endpoint: from the first
    inbox row to the last."""
    now = wall_clock()
    await _endpoints(bench)
    for start in range(0, count, BATCH):
        events = [
            NewEvent(bench.tenants[n % TENANTS], invoice, 1, InvoiceSent(invoice, f"INV-{n}", invoice, None, ""), now)
            for n in range(start, start + BATCH)
            for invoice in [new_id()]
        ]
        async with bench.db.tenants(bench.tenants) as tx:
            await emit(tx, events)
    async with _roles(bench, {"worker": 1}):
        while await value(bench, "SELECT 1 FROM billing_events WHERE status = 'pending' LIMIT 1"):
            await asyncio.sleep(0.1)
    async with _roles(bench, {"router": 1}):
        while int(str(await value(bench, "SELECT count(*) FROM webhook_deliveries"))) < count:
            await asyncio.sleep(0.2)
    span = "SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM webhook_deliveries"
    return count / float(str(await value(bench, span)))


async def _endpoints(bench: Bench) -> None:
    """An endpoint for each tenant. Nothing is sent there: no worker delivers."""
    for tenant in bench.tenants:
        async with bench.db.tenant(tenant) as tx:
            await tx.conn.execute(
                "INSERT INTO webhook_endpoints (tenant_id, endpoint_id, url, subjects, description, secret_sealed, sandbox, "
                "status, seq, created_at, updated_at) "
                "VALUES (%s, %s, 'https://example.com/', '{invoice.sent}', '', '', true, 'active', 1, now(), now())",
                (tenant, new_id()),
            )


def _at(sorted_values: Sequence[float], fraction: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * fraction))]


async def value(bench: Bench, query: str, *parameters: object) -> object:
    async with bench.db.system() as tx:
        found = await tx.conn.execute(query, parameters)
        row = await found.fetchone()
    return row[0] if row else None


@asynccontextmanager
async def _roles(bench: Bench, wanted: Mapping[str, int], not_before: datetime | None = None) -> AsyncIterator[None]:
    """So many processes of each role, ready; the workers are dispatchers and nothing else. What waits in the outbox is
    due at `not_before`."""
    if not_before is not None:
        async with bench.db.system() as tx:
            await tx.conn.execute(
                "UPDATE billing_events SET next_attempt_at = %s WHERE status = 'pending'", (not_before,)
            )
    environment = {**bench.environment, "WORKER_COMPONENTS": "dispatcher"}
    processes = [
        RoleProcess(role, environment, bench.logs / f"{role}-{n}.log")
        for role, count in wanted.items()
        for n in range(count)
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            await asyncio.to_thread(process.wait_ready)
        yield
    finally:
        for process in processes:
            await asyncio.to_thread(process.stop)
