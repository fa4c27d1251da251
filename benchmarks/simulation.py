"""Trying changed prices on a month that was billed: from the request until the job has answered."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import psycopg

from benchmarks import load, world
from benchmarks.results import Result
from corebilling.cli.client import Client
from corebilling.cli.demo.world import MONTH_LAST_HOUR, MONTH_START

SUBSCRIPTIONS = 20_000
EVENTS = 1_000_000
LONGEST_SECONDS = 30.0

_CHANGES = [
    {"price": f"{plan}/api-calls", "definition": {"model": "per_unit", "unit_amount": "0.0061"}}
    for plan in ("starter", "growth", "scale")
]


async def run(url: str, admin_key: str, admin_database_url: str, scale: float) -> list[Result]:
    """Every subscription pays a changed price; what the old prices come to must be what was billed."""
    subscriptions, events = int(SUBSCRIPTIONS * scale), int(EVENTS * scale)
    key = await world.tenant(url, admin_key, "Bench simulation", subscriptions)
    target = load.Target(url, key)
    bodies = (target.request("/v1/usage", body) for body in world.month(events, subscriptions))
    seen = await load.run(target, bodies, connections=4)
    assert set(seen.statuses) == {202}, seen.statuses
    async with Client(url, key) as client:
        tenant_id = (await client.get("/v1/settings"))["id"]
        await client.post("/v1/test-clock/advance", {"to": (MONTH_LAST_HOUR + timedelta(hours=3)).isoformat()})
        billed_minor = await _billed_minor(admin_database_url, tenant_id, subscriptions)
        started = time.perf_counter()
        period = {"from": MONTH_START.isoformat(), "to": MONTH_LAST_HOUR.isoformat()}
        job = await client.post("/v1/pricing/simulate", {"period": period, "changes": _CHANGES})
        while job["state"] in ("queued", "running"):
            await asyncio.sleep(0.1)
            job = await client.get(f"/v1/jobs/{job['id']}")
        seconds = time.perf_counter() - started
    totals: dict[str, Any] = job["result"]["overall"]["EUR"]
    assert (totals["subscriptions"], totals["old_total_minor"]) == (subscriptions, billed_minor), (totals, billed_minor)
    detail = (
        f"{subscriptions:,} subscriptions over {events:,} events, {totals['changed']:,} of them changed; the old total is "
        f"what was billed; goal: {LONGEST_SECONDS:.0f} s"
    )
    return [Result("price simulation", seconds, "s", LONGEST_SECONDS, detail, lower_is_better=True)]


async def _billed_minor(database_url: str, tenant_id: str, subscriptions: int) -> int:
    """What the month was billed, once the last of its ratings is final and nothing else keeps the machine busy."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
        while True:
            found = await conn.execute(
                "SELECT count(*), coalesce(sum(total_minor), 0),"
                " (SELECT count(*) FROM journals WHERE tenant_id = %(t)s) FROM ratings"
                " WHERE tenant_id = %(t)s AND state = 'final'",
                {"t": tenant_id},
            )
            row = await found.fetchone()
            assert row is not None
            if row[0] >= subscriptions and row[2] >= subscriptions:
                return int(row[1])
            await asyncio.sleep(0.5)
