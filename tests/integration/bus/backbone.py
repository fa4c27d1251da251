"""Consumers whose handlers write to a real table, and roles at work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.rating import RatingFailed
from corebilling.platform.bus.dispatcher import Dispatcher
from corebilling.platform.bus.handlers import Consumer, Subscriptions
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.outbox import emit
from corebilling.platform.bus.router import Router
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx

TABLES = """
    SET ROLE corebilling_owner;
    CREATE TABLE seen (n serial, tenant_id uuid, consumer text, event_id uuid, resource_id uuid, amount integer);
    SELECT corebilling_secure('seen', router => 'SELECT, INSERT');
    GRANT USAGE ON SEQUENCE seen_n_seq TO corebilling_router;
    CREATE TABLE meanings (word text PRIMARY KEY, amount integer);
    GRANT SELECT ON meanings TO corebilling_router;
"""

FRESH = """
    UPDATE outbox_leases SET owner = NULL, token = 0, expires_at = '-infinity', low_water = '00000000-0000-0000-0000-000000000000';
    UPDATE outbox_sweep SET swept_to = corebilling_first_id_at(now()), due_at = '-infinity';
"""


def tables_with_rows(owner: psycopg.Connection[Any]) -> set[str]:
    """Every table of the product that isn't empty; partitions are asked for through their parents."""
    names = owner.execute(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
        "AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    ).fetchall()
    asked = " UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for (name,) in names)
    return {name for (name,) in owner.execute(asked).fetchall()}


@dataclass
class Recorder:
    """A context's service for these tests: it stores the number that each event carries as text, or means."""

    consumer: str

    async def store(self, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
        await tx.conn.execute(
            "INSERT INTO seen (tenant_id, consumer, event_id, resource_id, amount) "
            "SELECT t, %s, e, r, coalesce((SELECT m.amount FROM meanings m WHERE m.word = w), w::integer) "
            "FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[]) AS k(t, e, r, w)",
            (
                self.consumer,
                [event.tenant_id for event in events],
                [event.id for event in events],
                [event.resource_id for event in events],
                [event.payload.reason for event in events],
            ),
        )


async def on_rating_failed(service: Recorder, tx: Tx, events: Sequence[Envelope[RatingFailed]]) -> None:
    await service.store(tx, events)


def consumer(name: str = "recorder") -> Consumer[Recorder]:
    return Consumer(name, Recorder(name), {RatingFailed: on_rating_failed})


def event(tenant_id: UUID, text: str, *, resource_id: UUID | None = None, seq: int = 1) -> NewEvent:
    now = datetime.now(UTC)
    payload = RatingFailed(cycle_id=uuid4(), subscription_id=uuid4(), period_start=now, period_end=now, reason=text)
    return NewEvent(tenant_id, resource_id or uuid4(), seq, payload, now)


async def send(db: Database, *events: NewEvent) -> None:
    async with db.tenants({e.tenant_id for e in events}) as tx:
        await emit(tx, events)


class Runs(Protocol):
    async def run(self, stopping: asyncio.Event) -> None: ...


@contextlib.asynccontextmanager
async def running(*roles: Runs) -> AsyncIterator[None]:
    """The roles at work; they are asked to stop at the end, and a failure of one is the test's."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for role in roles:
            tasks.create_task(role.run(stopping))
        try:
            yield
        finally:
            stopping.set()


async def change(owner: psycopg.Connection[Any], statement: str, *parameters: object) -> None:
    """Change rows behind the product's back, while its loops run: in a thread, for the same reason as in `until`."""
    await asyncio.to_thread(owner.execute, statement, parameters or None)


async def until(condition: Callable[[], Awaitable[bool] | bool], what: str, *, seconds: float = 30.0) -> None:
    """Wait for a condition; the limit only ends a test that would hang.

    Asked in a thread: a plain connection that waits for a lock must not stop the loop whose transaction holds it.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        met = await asyncio.to_thread(condition)
        if await met if isinstance(met, Awaitable) else met:
            return
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.02)


def dispatcher(db: Database, bus: NatsBus, *consumers: Consumer[Any], **more: Any) -> Dispatcher:
    subscriptions = Subscriptions(consumers or [consumer()])
    return Dispatcher(db=db, bus=bus, clock=wall_clock, subscriptions=subscriptions, **more)


def router(db: Database, bus: NatsBus, *consumers: Consumer[Any]) -> Router:
    return Router(db=db, bus=bus, clock=wall_clock, consumers=consumers or [consumer()])


def seen(owner: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """(tenant, amount, consumer) in the order of handling."""
    return owner.execute("SELECT tenant_id, amount, consumer FROM seen ORDER BY n").fetchall()


def count(owner: psycopg.Connection[Any], table: str, where: str = "true") -> int:
    row = owner.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()
    assert row is not None
    return int(row[0])


AT_ONCE = timedelta(0)
SOON = timedelta(milliseconds=100)
