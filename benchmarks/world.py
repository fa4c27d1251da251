"""A tenant with plans, customers and subscriptions for the benchmarks."""

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import msgspec

from corebilling.cli.client import Client
from corebilling.cli.demo.world import (
    MONTH_LAST_HOUR,
    MONTH_START,
    create_catalog,
    create_customers,
    create_tenant,
    customers,
)

BATCH = 1_000


async def tenant(url: str, admin_key: str, name: str, count: int) -> str:
    """A sandbox in the last hour of January with that many subscriptions since its first; answers its key."""
    async with Client(url, admin_key) as admin:
        _, key = await create_tenant(admin, name, MONTH_START)
    async with Client(url, key) as client:
        await create_catalog(client)
        await create_customers(client, customers(count), lambda _: None)
        await client.post("/v1/test-clock/advance", {"to": MONTH_LAST_HOUR.isoformat()})
        while (await client.get("/v1/test-clock"))["status"] != "ready":
            pass
    return key


def event(number: int, customer: int, at_second: int, value: int) -> dict[str, str]:
    """One usage event's wire form."""
    return {
        "id": f"bench-{number:09d}",
        "meter": "api_calls",
        "customer_id": f"customer-{customer:05d}",
        "timestamp": (MONTH_START + timedelta(seconds=at_second)).isoformat(),
        "value": str(value),
    }


def live(events: int, customer_count: int, seed: int = 7) -> Iterator[bytes]:
    """Bodies of 1,000 events each as they come when they are sent as they happen: over all customers, in order of time, the last hour."""
    rng = random.Random(seed)
    end = int((MONTH_LAST_HOUR - MONTH_START).total_seconds())
    return _bodies(
        event(number, rng.randrange(customer_count), end - 3600 + 3600 * number // events, rng.randint(1, 90))
        for number in range(events)
    )


def month(events: int, customer_count: int, seed: int = 7) -> Iterator[bytes]:
    """Bodies of 1,000 events each, over all customers and the whole month at random: the worst case for everything kept by the hour."""
    rng = random.Random(seed)
    span = int((MONTH_LAST_HOUR - MONTH_START).total_seconds())
    return _bodies(
        event(10**8 + number, rng.randrange(customer_count), rng.randrange(span), rng.randint(1, 90))
        for number in range(events)
    )


def _bodies(events: Iterator[dict[str, str]]) -> Iterator[bytes]:
    while batch := list(islice(events, BATCH)):
        yield msgspec.json.encode(batch)
