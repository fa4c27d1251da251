"""PostgreSQL stops at once and NATS is killed, again and again, while usage comes in; what was accepted is there once."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from books_of_record import Records
from patience import BROKEN, PatientClient
from verdict import usage_is_stored_once

from corebilling.cli.client import Client, until
from corebilling.cli.demo import world
from corebilling.cli.demo.billing import advance
from corebilling.cli.local import ROLES, LocalInstallation
from corebilling.events.usage import UsageReported
from corebilling.rating.handlers import HANDLERS as RATING_HANDLERS

CUSTOMERS = 200
BATCH = 200
BATCH_SENDERS = 3
SINGLE_SENDERS = 8
PATIENCE_SECONDS = 120.0


class Reporter:
    """Sends usage of one tenant until told to stop, and remembers what was answered."""

    def __init__(self, name: str, tenant_id: str, client: PatientClient) -> None:
        self.tenant_id = tenant_id
        self.client = client
        self.answered = 0
        self.committed_unanswered = 0
        self.stored: dict[str, tuple[str, Decimal]] = {}
        self._rng = random.Random(name)
        self._number = 0

    def made(self, count: int) -> list[dict[str, Any]]:
        """New events, none like another."""
        events = []
        for _ in range(count):
            self._number += 1
            at = world.MONTH_START + timedelta(minutes=self._rng.randrange(30 * 24 * 60))
            events.append(
                {
                    "id": f"evt-{self._number}", "meter": "api_calls", "timestamp": at.isoformat(),
                    "customer_id": f"customer-{self._rng.randrange(CUSTOMERS):05d}", "value": str(self._rng.randint(1, 90)),
                }
            )  # fmt: skip
        return events

    async def send(self, stopping: asyncio.Event, count: int) -> None:
        """Batches of `count`, or single events where it is 1; each is sent until it is answered."""
        while not stopping.is_set():
            events = self.made(count)
            answer, unanswered = await self.client.post("/v1/usage", events if count > 1 else events[0])
            assert answer["rejected"] == 0, answer
            assert answer["accepted"] + answer["duplicates"] == count, answer
            assert answer["duplicates"] == 0 or unanswered, "what was never sent was called a duplicate"
            for event, item in zip(events, answer["items"], strict=True):
                assert item["id"] == event["id"]
                self.stored[event["id"]] = (event["customer_id"], Decimal(event["value"]))
            self.answered += count
            self.committed_unanswered += answer["duplicates"]


class Servers:
    """Takes PostgreSQL and NATS away and brings them back."""

    def __init__(self, here: LocalInstallation, reporters: list[Reporter], seed: int) -> None:
        self._here = here
        self._reporters = reporters
        self._rng = random.Random(seed)
        self.died: Counter[str] = Counter()

    async def die(self, rounds: int) -> None:
        """Each round each server once, in any order, whenever ingest has come some random way further."""
        for _ in range(rounds):
            for name in self._rng.sample(("PostgreSQL", "NATS", "both"), 3):
                await self._ingest_moves_on(self._rng.randrange(500, 4_000))
                await self._fail(name)
                self.died[name] += 1
        await self._ingest_moves_on(1_000)

    async def _fail(self, name: str) -> None:
        stack = self._here.stack
        if name != "NATS":
            await asyncio.to_thread(stack.postgres.stop, "immediate")
            await self._somebody_notices()
        if name != "PostgreSQL":
            await asyncio.to_thread(stack.nats.kill)
        if name == "NATS":
            await self._ingest_moves_on(self._rng.randrange(500, 2_000))  # ingest doesn't need the bus
        for server in (stack.nats, stack.postgres):
            if not server.running:
                await asyncio.to_thread(server.start)

    def _count(self, *kinds: int | str) -> int:
        return sum(reporter.client.seen[kind] for reporter in self._reporters for kind in kinds)

    async def _somebody_notices(self) -> None:
        before = self._count(503, BROKEN)
        wanted = before + self._rng.randrange(5, 50)
        await until(self._at_least(lambda: self._count(503, BROKEN), wanted), seconds=60, what="answers in the outage")

    async def _ingest_moves_on(self, by: int) -> None:
        goal = sum(reporter.answered for reporter in self._reporters) + by
        answered = self._at_least(lambda: sum(reporter.answered for reporter in self._reporters), goal)
        await until(answered, seconds=60, what="ingest to go on", every_seconds=0.02)

    @staticmethod
    def _at_least(value: Callable[[], int], goal: int) -> Any:
        async def reached() -> bool:
            return value() >= goal

        return reached


async def reporters_of(here: LocalInstallation, admin_key: str, stack: AsyncExitStack) -> AsyncIterator[Reporter]:
    """Two tenants whose customers have the same names."""
    for name in ("Left", "Right"):
        async with Client(here.api.url, admin_key) as admin:
            tenant_id, key = await world.create_tenant(admin, name, world.MONTH_START)
        async with Client(here.api.url, key) as setup:
            await world.create_catalog(setup)
            await world.create_customers(setup, world.customers(CUSTOMERS), lambda _: None)
            await advance(setup, world.MONTH_LAST_HOUR)
        yield Reporter(name, tenant_id, await stack.enter_async_context(PatientClient(here.api.url, key)))


async def lag(here: LocalInstallation) -> float:
    """Messages that the router's consumer group hasn't acknowledged, as its metrics say."""
    async with aiohttp.ClientSession() as session, session.get(here.roles["router"].metrics_url) as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("billing_nats_consumer_lag "))


async def run(here: LocalInstallation, admin_key: str, tell: Callable[[str], None], *, rounds: int, seed: int) -> None:
    records = Records(here.stack.database_url)
    pids = {role: here.roles[role].pid for role in ROLES}
    async with AsyncExitStack() as stack:
        reporters = [reporter async for reporter in reporters_of(here, admin_key, stack)]
        servers, stopping, started = Servers(here, reporters, seed), asyncio.Event(), time.monotonic()
        async with asyncio.TaskGroup() as busy:
            for reporter in reporters:
                for count in [BATCH] * BATCH_SENDERS + [1] * SINGLE_SENDERS:
                    busy.create_task(reporter.send(stopping, count))
            await servers.die(rounds)
            stopping.set()
        settled = time.monotonic()
        assert UsageReported in RATING_HANDLERS
        pairs = [("usage.reported", "rating")]

        async def all_handled() -> bool:
            return not await records.unfinished() and not await records.unhandled(pairs) and not await lag(here)

        await until(all_handled, seconds=PATIENCE_SECONDS, what="every event to be handled and the lag to be gone")
        recovered = time.monotonic()
        for reporter in reporters:
            await usage_is_stored_once(reporter.tenant_id, reporter.stored, records)
        assert not any((await records.misfortunes()).values()), await records.misfortunes()
        for role, pid in pids.items():
            assert here.roles[role].running, here.roles[role].log_tail()
            assert here.roles[role].pid == pid
            await asyncio.to_thread(here.roles[role].wait_ready)
        seen = sum((reporter.client.seen for reporter in reporters), Counter())
        tell(
            f"survived during ingest: {dict(servers.died)}; {sum(len(r.stored) for r in reporters)} events stored once "
            f"({sum(r.committed_unanswered for r in reporters)} of them committed without an answer and sent again), "
            f"answers {dict(seen)}; outages {settled - started:.0f} s, recovery {recovered - settled:.0f} s"
        )


@pytest.mark.slow
async def test_what_was_accepted_is_stored_once_although_servers_die(
    here: LocalInstallation, admin_key: str, tell: Callable[[str], None]
) -> None:
    await run(here, admin_key, tell, rounds=2, seed=5)


@pytest.mark.slow
async def test_ten_rounds_of_dying_servers_lose_nothing(
    here: LocalInstallation, admin_key: str, tell: Callable[[str], None]
) -> None:
    await run(here, admin_key, tell, rounds=10, seed=17)
