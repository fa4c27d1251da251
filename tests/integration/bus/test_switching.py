"""An installation changes its event bus, as docs/guides/switching-buses.md tells: nothing is lost, effects happen once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from typer.testing import CliRunner

from backbone import AT_ONCE, SOON, count, dispatcher, event, router, running, seen, send, until
from corebilling.cli import app
from corebilling.platform.bus.kafka import KafkaBus
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import Bus
from corebilling.platform.db import Database
from corebilling.platform.embedded import EmbeddedNats

Owner = psycopg.Connection[Any]
RESOURCES = [uuid4() for _ in range(20)]
TENANTS = [uuid4() for _ in range(3)]


class Traffic:
    """Events without end, until told to stop: the number of each is what its handler stores."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.sent = 0
        self._enough = asyncio.Event()

    async def run(self) -> None:
        while not self._enough.is_set():
            batch = range(self.sent, self.sent + 50)
            await send(
                self._db,
                *[event(TENANTS[n % 3], str(n), resource_id=RESOURCES[n % 20], seq=n // 20 + 1) for n in batch],
            )
            self.sent += 50
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._enough.set()


@contextlib.asynccontextmanager
async def traffic(db: Database) -> AsyncIterator[Traffic]:
    going = Traffic(db)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(going.run())
        try:
            yield going
        finally:
            going.stop()


@pytest.fixture
def old_server(reachable_path: Path) -> Iterator[EmbeddedNats]:
    with EmbeddedNats(reachable_path / "nats") as server:
        yield server


@pytest.fixture
async def old(old_server: EmbeddedNats) -> AsyncIterator[Bus]:
    bus = NatsBus(old_server.url)
    yield bus
    await bus.close()


@pytest.fixture
async def new(kafka_brokers: str) -> AsyncIterator[Bus]:
    """Declared beforehand by hand, as the guide has it."""
    topic = f"switch-{uuid4().hex[:12]}"
    there = {"KAFKA_BROKERS": kafka_brokers, "KAFKA_TOPIC": topic, "KAFKA_PARTITIONS": "4"}
    for command in ("declare", "status"):
        assert await asyncio.to_thread(_bus, command, "--bus", "kafka", **there) == 0
    bus = KafkaBus(kafka_brokers, topic=topic, partitions=4)
    yield bus
    await bus.close()


async def handled(owner: Owner, sent: int) -> None:
    await until(lambda: count(owner, "seen") >= sent, f"all {sent} events", seconds=60)
    assert sorted(amount for _, amount, _ in seen(owner)) == list(range(sent)), "each once"
    assert count(owner, "dead_letters") == count(owner, "inbox_retry") == 0


async def test_a_live_installation_moves_without_a_pause(
    db: Database, owner: Owner, old: Bus, old_server: EmbeddedNats, new: Bus
) -> None:
    async with traffic(db) as going, contextlib.AsyncExitStack() as routers, contextlib.AsyncExitStack() as dispatchers:
        await routers.enter_async_context(running(router(db, old)))
        await dispatchers.enter_async_context(running(dispatcher(db, old)))
        await until(lambda: count(owner, "seen") > 0, "events over the old bus")
        joining = dispatcher(db, new)
        async with running(router(db, new)), running(joining):
            await until(lambda: len(joining.leases.usable()) > 0, "shards of the dispatcher on the new bus")
            before = count(owner, "seen")
            await until(lambda: count(owner, "seen") > before + 100, "events while both dispatch")
            await dispatchers.aclose()
            assert await _drained(old_server.url, "--wait") == 0
            await routers.aclose()
            before = going.sent
            await until(lambda: going.sent > before + 100, "events after the old bus was left")
            going.stop()
            await handled(owner, going.sent)
    assert count(owner, "billing_events", "republished > 0") == 0, "nothing had to be swept"


async def test_what_lies_on_a_bus_that_was_left_at_once_is_brought_by_the_sweep(
    db: Database, owner: Owner, old: Bus, old_server: EmbeddedNats, new: Bus
) -> None:
    await old.connect()
    await old.declare("billing-consumer", ["rating.failed"])
    async with traffic(db) as going, running(dispatcher(db, old, sweep_every=SOON)):
        await until(lambda: count(owner, "billing_events", "status = 'dispatched'") > 1200, "events on the old bus")
        going.stop()
    assert await _drained(old_server.url) == 1
    sent = going.sent
    await until(lambda: count(owner, "outbox_sweep", "due_at < now()") == 1, "the next sweep due")
    once = dispatcher(db, new, sweep_after=AT_ONCE, sweep_every=timedelta(minutes=10))
    async with running(once, router(db, new)):
        await handled(owner, sent)
    async with running(router(db, old)):  # and back again: what still lies there was handled
        assert await _drained(old_server.url, "--wait") == 0
        await handled(owner, sent)


async def _drained(url: str, *options: str) -> int:
    return await asyncio.to_thread(_bus, "drained", "--bus", "nats", *options, NATS_URL=url, EVENT_BUS="nats")


def _bus(*arguments: str, **environment: str) -> int:
    """The exit code of `corebilling bus`."""
    nowhere = {"DATABASE_URL": "postgresql://nowhere.invalid/none"}
    ran = CliRunner().invoke(app, ["bus", *arguments], env=nowhere | environment)
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.exit_code
