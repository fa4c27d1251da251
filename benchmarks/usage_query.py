"""What was used, asked by people: GET /v1/usage over ten million events, and the plan of the statement behind it."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from rich.console import Console

from benchmarks import load, world
from benchmarks.results import Result
from corebilling.cli.client import Client
from corebilling.cli.demo.world import MONTH_LAST_HOUR, MONTH_START
from corebilling.usage.queries import totals as queries

EVENTS = 10_000_000
CUSTOMERS = 1_000
DAYS = 92
QUESTIONS = 300
END = MONTH_LAST_HOUR + timedelta(hours=1)
START = END - timedelta(days=DAYS)

METERS: dict[str, dict[str, Any]] = {
    "traffic": {"aggregation": "sum", "value_property": "gb", "group_by": ["region"]},
    "users": {"aggregation": "unique_count", "unique_property": "user"},
    "storage": {"aggregation": "weighted_sum"},
}

# The customer with the most events has 3 % of them, the median 0.07 %; half of all events are traffic; days are busy at noon.
_LOAD = """
INSERT INTO usage_events (tenant_id, subscription_id, meter_id, key, ts, received_at, epoch, quantity, event_id, unique_value,
  properties, group_values)
SELECT %(tenant)s, (%(subscriptions)s::uuid[])[n.customer],
  (%(meters)s::uuid[])[n.meter], gen_random_uuid(),
  %(start)s::timestamptz + floor(n.day * %(days)s) * interval '1 day' + n.hour * interval '12 hours', now(), 1,
  CASE n.meter WHEN 2 THEN 1 ELSE round((n.value * 100)::numeric, 3) END, 'bench-' || n.id,
  CASE n.meter WHEN 2 THEN 'user ' || floor(n.value * 500) END,
  CASE n.meter WHEN 1 THEN json_build_object('gb', round((n.value * 100)::numeric, 3), 'region', (%(regions)s::text[])[n.region])
    WHEN 2 THEN json_build_object('user', 'user ' || floor(n.value * 500)) END,
  CASE n.meter WHEN 1 THEN ARRAY[(%(regions)s::text[])[n.region]] END
FROM (
  SELECT id, 1 + floor(%(customers)s * random() ^ 2)::int AS customer, (ARRAY[1, 1, 2, 3])[1 + floor(random() * 4)::int] AS meter,
    random() AS day, random() + random() AS hour, random() AS value, 1 + floor(random() * 4)::int AS region
  FROM generate_series(%(first)s::int, %(last)s::int) AS id
) AS n
"""
_ROLL_UP = """
INSERT INTO usage_rollups (tenant_id, subscription_id, meter_id, hour_at, epoch, event_count, value_sum, value_max, value_min)
SELECT tenant_id, subscription_id, meter_id, date_trunc('hour', ts, 'UTC'), 1, count(*), sum(quantity), max(quantity), min(quantity)
FROM usage_events WHERE tenant_id = %s GROUP BY 1, 2, 3, 4
"""
_CHUNK = 1_000_000
_MONTH = {"from": MONTH_START.isoformat(), "to": END.isoformat(), "window": "day"}
_ASKED: dict[str, dict[str, str]] = {
    "a customer's month by day": {"meter": "traffic"},
    "the same in Asia/Kolkata, half an hour off": {"meter": "traffic", "time_zone": "Asia/Kolkata"},
    "the same by region": {"meter": "traffic", "group_by": "region"},
    "different users by day": {"meter": "users"},
    "gigabytes held by day": {"meter": "storage"},
    "three months by hour": {"meter": "traffic", "window": "hour", "from": START.isoformat()},
}


async def run(url: str, admin_key: str, admin_database_url: str, scale: float) -> list[Result]:
    """Latencies of questions over one connection, each about a customer at random."""
    key = await world.tenant(url, admin_key, "Bench usage query", CUSTOMERS)
    async with Client(url, key) as client:
        tenant_id = (await client.get("/v1/settings"))["id"]
        meters = [
            UUID((await client.post("/v1/meters", {"code": code, **meter}))["id"]) for code, meter in METERS.items()
        ]
    events = int(EVENTS * scale)
    async with await psycopg.AsyncConnection.connect(admin_database_url, autocommit=True) as conn:
        subscriptions = await _filled(conn, UUID(tenant_id), meters, events)
        plan = await _plan(conn, UUID(tenant_id), subscriptions[len(subscriptions) // 2], meters[0])
    Console(stderr=True, width=200).print(plan, markup=False, highlight=False)
    target = load.Target(url, key)
    return [await _asked(target, name, asked, events) for name, asked in _ASKED.items()]


async def _filled(conn: psycopg.AsyncConnection[Any], tenant_id: UUID, meters: list[UUID], events: int) -> list[UUID]:
    """The events and their rollups, as ingest would have left them; answers the subscriptions, the busiest first."""
    found = await conn.execute(
        "SELECT subscription_id FROM subscriptions WHERE tenant_id = %s ORDER BY subscription_id", (tenant_id,)
    )
    subscriptions = [row[0] for row in await found.fetchall()]
    await conn.execute("SELECT corebilling_usage_partitions(%s::date, 5)", (START.date(),))
    await conn.execute("SELECT setseed(0.42)")
    values = {
        "tenant": tenant_id,
        "subscriptions": subscriptions,
        "meters": meters,
        "start": START,
        "days": DAYS,
        "customers": len(subscriptions),
        "regions": ["eu-central", "eu-west", "us-east", "ap-south"],
    }
    for first in range(1, events + 1, _CHUNK):
        await conn.execute(_LOAD, values | {"first": first, "last": min(first + _CHUNK - 1, events)})
    await conn.execute(_ROLL_UP, (tenant_id,))
    await conn.execute("VACUUM ANALYZE usage_events")
    await conn.execute("VACUUM ANALYZE usage_rollups")
    return subscriptions


async def _plan(conn: psycopg.AsyncConnection[Any], tenant_id: UUID, subscription_id: UUID, meter_id: UUID) -> str:
    """EXPLAIN ANALYZE of a month by day of the median customer, under the API's role and row security."""
    days = [MONTH_START + timedelta(days=n) for n in range((END - MONTH_START).days + 1)]
    async with conn.transaction():
        await conn.execute("SET LOCAL ROLE corebilling_app")
        await conn.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
        cursor = psycopg.AsyncRawCursor(conn)
        await cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) " + queries.SUM_UP_SERIES,
            (days, [subscription_id], tenant_id, meter_id, days[0], days[-1], [], [], [], 2**62),
        )
        return "\n".join(_ran([row[0] for row in await cursor.fetchall()]))


def _ran(plan: list[str]) -> list[str]:
    """The plan without the branches that never ran (partitions of other months, mostly) and what stands below them."""
    kept, skipped_below = [], -1
    for line in plan:
        indent = len(line) - len(line.lstrip())
        if skipped_below >= 0 and indent > skipped_below:
            continue
        skipped_below = indent if "(never executed)" in line else -1
        if skipped_below < 0:
            kept.append(line)
    return kept


async def _asked(target: load.Target, name: str, asked: dict[str, str], events: int) -> Result:
    rng = random.Random(7)
    requests = [
        target.query("/v1/usage", _MONTH | asked | {"customer_id": f"customer-{rng.randrange(CUSTOMERS):05d}"})
        for _ in range(QUESTIONS)
    ]
    seen = await load.run(target, requests, connections=1)
    assert set(seen.statuses) == {200}, seen.statuses
    detail = f"{events:,} events, {CUSTOMERS:,} customers; p50 {seen.percentile(0.5):.1f} ms, slowest {seen.latencies_ms[-1]:.1f} ms"
    floor = 200 if name == next(iter(_ASKED)) else None
    return Result(f"{name}, p99", seen.percentile(0.99), "ms", floor, detail, lower_is_better=True)
