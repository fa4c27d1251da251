"""HTTP ingest: batches of 1,000 events, and single events, each answered once it is committed."""

import msgspec

from benchmarks import load, world
from benchmarks.results import Result

CUSTOMERS = 1_000


async def batches(url: str, admin_key: str, scale: float) -> list[Result]:
    """Events a second accepted durably in batches of 1,000 over four connections: sent as they happen, and a month at random."""
    key = await world.tenant(url, admin_key, "Bench ingest", CUSTOMERS)
    target = load.Target(url, key)
    events = int(400_000 * scale)
    results = []
    for name, bodies, floor in (("as it happens", world.live, 35_000), ("a month at random", world.month, None)):
        requests = [target.request("/v1/usage", body) for body in bodies(events, CUSTOMERS)]
        seen = await load.run(target, requests, connections=4)
        assert set(seen.statuses) == {202}, seen.statuses
        detail = f"{events:,} events, request p50 {seen.percentile(0.5):.0f} ms, p99 {seen.percentile(0.99):.0f} ms"
        results.append(Result(f"ingest in batches of 1,000, {name}", events / seen.seconds, "events/s", floor, detail))
    return results


async def singles(url: str, admin_key: str, scale: float) -> list[Result]:
    """Single-event posts a second at several degrees of concurrency."""
    key = await world.tenant(url, admin_key, "Bench singles", CUSTOMERS)
    target = load.Target(url, key)
    results = []
    for connections, posts in ((1, 2_000), (32, 20_000), (128, 40_000)):
        wanted = max(200, int(posts * scale))
        bodies = [_single(connections * 10_000_000 + number) for number in range(wanted)]
        seen = await load.run(target, [target.request("/v1/usage", body) for body in bodies], connections)
        assert set(seen.statuses) == {202}, seen.statuses
        detail = f"p50 {seen.percentile(0.5):.2f} ms, p99 {seen.percentile(0.99):.1f} ms"
        floor = 6_000 if connections == 128 else None
        results.append(Result(f"single posts, {connections} connections", seen.per_second, "requests/s", floor, detail))
    return results


def _single(number: int) -> bytes:
    return msgspec.json.encode(world.event(number, number % CUSTOMERS, number % 2_600_000, 3))
