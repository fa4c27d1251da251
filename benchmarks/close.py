"""Closing a period: from the moment it is due until the last invoice and its journal are committed."""

import asyncio
import time
from datetime import timedelta

import psycopg

from benchmarks import load, world
from benchmarks.results import Result
from corebilling.cli.client import Client
from corebilling.cli.demo.world import MONTH_LAST_HOUR

SUBSCRIPTIONS = 20_000
EVENTS = 1_000_000


async def _at_rest(database_url: str) -> None:
    """Wait until what the usage set off is handled and rated live: the close is measured by itself."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
        while True:
            found = await conn.execute(
                "SELECT EXISTS (SELECT 1 FROM rating_due) OR EXISTS (SELECT 1 FROM billing_events e"
                " WHERE e.subject = 'usage.reported' AND (SELECT 1 FROM inbox i WHERE i.tenant_id = e.tenant_id"
                " AND i.consumer = 'rating' AND i.event_id = e.event_id) IS NULL)"
            )
            row = await found.fetchone()
            if row is not None and not row[0]:
                return
            await asyncio.sleep(0.2)


async def run(url: str, admin_key: str, admin_database_url: str, scale: float) -> list[Result]:
    """Invoices a second end to end through outbox, bus and router."""
    subscriptions, events = int(SUBSCRIPTIONS * scale), int(EVENTS * scale)
    key = await world.tenant(url, admin_key, "Bench close", subscriptions)
    target = load.Target(url, key)
    seen = await load.run(
        target, (target.request("/v1/usage", body) for body in world.month(events, subscriptions)), connections=4
    )
    assert set(seen.statuses) == {202}, seen.statuses
    async with Client(url, key) as client:
        tenant_id = (await client.get("/v1/settings"))["id"]
        await _at_rest(admin_database_url)
        started = time.perf_counter()
        await client.post("/v1/test-clock/advance", {"to": (MONTH_LAST_HOUR + timedelta(hours=3)).isoformat()})
        invoices_at = journals_at = 0.0
        async with await psycopg.AsyncConnection.connect(admin_database_url, autocommit=True) as conn:
            while not journals_at:
                await asyncio.sleep(0.1)
                counted = await conn.execute(
                    "SELECT (SELECT count(*) FROM invoices WHERE tenant_id = %(t)s),"
                    " (SELECT count(*) FROM journals WHERE tenant_id = %(t)s)",
                    {"t": tenant_id},
                )
                row = await counted.fetchone()
                assert row is not None
                if row[0] >= subscriptions and not invoices_at:
                    invoices_at = time.perf_counter() - started
                if row[1] >= subscriptions:
                    journals_at = time.perf_counter() - started
        balance = await client.get("/v1/ledger/trial-balance")
        assert all(c["difference_minor"] == 0 for c in balance["currencies"])
    detail = (
        f"{subscriptions:,} subscriptions over {events:,} events in {journals_at:.1f} s, last invoice at {invoices_at:.1f} s; "
        f"set up at {events / seen.seconds:,.0f} events/s"
    )
    return [Result("period close to the last journal", subscriptions / journals_at, "invoices/s", 2_000, detail)]
