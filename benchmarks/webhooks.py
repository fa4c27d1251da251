"""Webhooks: deliveries a second that one worker makes and records, with dead endpoints beside them, and commit to receiver."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from uuid import UUID

import aiohttp
import uvloop

from benchmarks.results import Result
from corebilling.events.customer import CustomerCreated
from corebilling.events.envelope import Envelope, NewEvent
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.dispatcher import Dispatcher
from corebilling.platform.bus.handlers import Consumer, Subscriptions
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.outbox import emit
from corebilling.platform.bus.router import Router
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.tenant.schemas import TenantCreate
from corebilling.tenant.service import TenantService
from corebilling.webhook import metrics
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.handlers import HANDLERS
from corebilling.webhook.schemas import EndpointCreate
from corebilling.webhook.service import WebhookService
from corebilling.webhook.worker import DeliveryWorker

DELIVERIES = 40_000
ENDPOINTS = 50
BATCH = 1_000
IDLE_EVENTS = 300
IDLE_SECONDS = 0.02
CONFIG = DeliveryConfig(allow_private_targets=True)
_PATIENCE_SECONDS = 300


def run(database_url: str, nats_url: str, scale: float) -> list[Result]:
    """One worker in this process, the receiver in another, on a database and a bus that nobody else uses."""
    with _receiver() as receiver:
        return uvloop.run(_measure(database_url, nats_url, receiver, scale))


async def _measure(database_url: str, nats_url: str, receiver: str, scale: float) -> list[Result]:
    db = Database(database_url)
    await db.open()
    try:
        bench = Bench(db, receiver)
        count = max(BATCH, int(DELIVERIES * scale))
        healthy, cpu_us = await bench.throughput(count, dead=0)
        beside_dead, dead_cpu_us = await bench.throughput(count, dead=ENDPOINTS // 10)
        lags = await bench.latency(nats_url, max(50, int(IDLE_EVENTS * scale)))
    finally:
        await db.close()
    floor = 4_000
    return [
        Result(
            "webhooks delivered and recorded", healthy, "deliveries/s", floor,
            f"one worker, {ENDPOINTS} endpoints, {cpu_us:.0f} µs CPU of the worker each",
        ),
        Result(
            "the same, a tenth of endpoints dead", beside_dead, "deliveries/s", floor,
            f"those that never answer have a backlog too; {dead_cpu_us:.0f} µs CPU each",
        ),
        Result("commit to webhook received, idle, p50", lags[len(lags) // 2], "ms", None,
               f"{len(lags)} events, one every {IDLE_SECONDS * 1000:.0f} ms", True),
        Result("commit to webhook received, idle, p99", lags[int(len(lags) * 0.99)], "ms", 100, "", True),
    ]  # fmt: skip


class Bench:
    """A database of its own, and a receiver."""

    def __init__(self, db: Database, receiver: str) -> None:
        self._db = db
        self._receiver = receiver
        self._box = SecretBox([generate_key()])
        self._tenants = TenantService(clock=wall_clock, setups=[])
        self._service = WebhookService(
            clock=wall_clock, tenants=self._tenants, secret_box=self._box, allow_private_targets=True
        )

    async def throughput(self, count: int, *, dead: int) -> tuple[float, float]:
        """Deliveries a second over the healthy endpoints, and the worker's CPU time for each in µs."""
        tenants = [await self._tenant("dead" if n < dead else "ok") for n in range(ENDPOINTS)]
        for start in range(0, count, BATCH):
            events = [_created(tenants[n % ENDPOINTS]) for n in range(start, min(count, start + BATCH))]
            async with self._db.tenants(tenants) as tx:
                await HANDLERS[CustomerCreated](self._service, tx, events)
        expected = sum(1 for n in range(count) if n % ENDPOINTS >= dead)
        before, started, cpu = _delivered(), time.perf_counter(), time.process_time()
        async with asyncio.timeout(_PATIENCE_SECONDS), self._delivering():
            while _delivered() - before < expected:
                await asyncio.sleep(0.01)
            seconds, busy = time.perf_counter() - started, time.process_time() - cpu
        await self._drop(tenants)
        await self._arrivals()
        return expected / seconds, busy / expected * 1e6

    async def latency(self, nats_url: str, count: int) -> list[float]:
        """Milliseconds from the commit of an event to its webhook's arrival, sorted: dispatcher, bus, router and worker."""
        bus, stopping = NatsBus(nats_url), asyncio.Event()
        consumers = [Consumer("webhook", self._service, HANDLERS)]
        await bus.connect()
        dispatcher = Dispatcher(db=self._db, bus=bus, clock=wall_clock, subscriptions=Subscriptions(consumers))
        router = Router(db=self._db, bus=bus, clock=wall_clock, consumers=consumers)
        tasks = [asyncio.create_task(loop.run(stopping)) for loop in (dispatcher, router)]
        tenant = await self._tenant("ok")
        committed: dict[str, float] = {}
        arrived: dict[str, float] = {}
        async with asyncio.timeout(_PATIENCE_SECONDS), self._delivering():
            warm = 20
            for _ in range(warm + count):
                customer_id = new_id()
                async with self._db.tenants([tenant]) as tx:
                    await emit(tx, [NewEvent(tenant, customer_id, 1, _payload(customer_id), wall_clock())])
                    cursor = await tx.conn.execute(
                        "SELECT event_id::text FROM billing_events WHERE tenant_id = %s ORDER BY event_id DESC LIMIT 1",
                        (tenant,),
                    )
                    [event_id] = await cursor.fetchone() or [""]
                committed[event_id] = time.monotonic()
                await asyncio.sleep(IDLE_SECONDS)
            while not committed.keys() <= arrived.keys():
                arrived |= await self._arrivals()
                await asyncio.sleep(0.05)
        stopping.set()
        await asyncio.gather(*tasks)
        await bus.close()
        return sorted((arrived[name] - at) * 1000 for name, at in list(committed.items())[warm:])

    @asynccontextmanager
    async def _delivering(self) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        worker = DeliveryWorker(db=self._db, secret_box=self._box, config=CONFIG, clock=wall_clock)
        running = asyncio.create_task(worker.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await running

    async def _tenant(self, path: str) -> UUID:
        tenant_id = new_id()
        async with self._db.tenants([tenant_id]) as tx:
            await self._tenants.create(
                tx, TenantCreate(name="Bench", currency="EUR", sandbox=True), tenant_id=tenant_id
            )
        async with self._db.tenant(tenant_id) as tx:
            await self._service.create_endpoint(tx, tenant_id, EndpointCreate(url=f"{self._receiver}/{path}"))
        return tenant_id

    async def _drop(self, tenants: list[UUID]) -> None:
        """What dead endpoints left pending is out of the way of what is measured next."""
        async with self._db.system() as tx:
            await tx.conn.execute(
                "UPDATE webhook_deliveries SET status = 'dead_letter', next_attempt_at = NULL "
                "WHERE tenant_id = ANY(%s::uuid[]) AND status = 'pending'",
                (tenants,),
            )

    async def _arrivals(self) -> dict[str, float]:
        async with aiohttp.ClientSession() as session, session.get(self._receiver) as response:
            lines = (await response.text()).splitlines()
        return {name: float(at) for name, at in (line.split() for line in lines)}


@contextmanager
def _receiver() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.webhook_receiver"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def _delivered() -> float:
    return next(
        sample.value
        for metric in metrics.SUCCESS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


def _payload(customer_id: UUID) -> CustomerCreated:
    return CustomerCreated(customer_id, "customer-00001", "EUR", "Europe/Paris")


def _created(tenant_id: UUID) -> Envelope[CustomerCreated]:
    customer_id = new_id()
    return Envelope(
        new_id(), "customer.created", 1, tenant_id, customer_id, 1, new_id(), None, None, wall_clock() - timedelta(seconds=1),
        _payload(customer_id),
    )  # fmt: skip
