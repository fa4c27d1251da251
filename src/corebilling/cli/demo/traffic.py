"""A month of usage: made from a seed, so that every run is the same, and remembered exactly, so that it can be checked."""

import asyncio
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import msgspec

from corebilling.cli.client import Client
from corebilling.cli.demo.world import MONTH_LAST_HOUR, MONTH_START, Customer

BATCH = 1_000
_SENDERS = 4
_WEIGHTS = {
    "starter": ("api_calls",),
    "growth": ("api_calls", "storage_gb"),
    "scale": ("api_calls", "messages", "active_users", "storage_gb"),
}


class UsageEvent(msgspec.Struct, omit_defaults=True):
    """The wire form of one event."""

    id: str
    meter: str
    customer_id: str
    timestamp: str
    value: str | None = None
    properties: dict[str, str] | None = None


class Usage(msgspec.Struct):
    """What one customer really used."""

    api_calls: Decimal = Decimal(0)
    storage_gb: Decimal = Decimal(0)
    messages: int = 0
    users: set[str] = msgspec.field(default_factory=set)


class Sent(msgspec.Struct):
    """What the API answered, added up."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    seconds: float = 0.0


def month(customers: list[Customer], events: int, seed: int = 2026) -> tuple[list[UsageEvent], dict[str, Usage]]:
    """The events in a random order of time, and each customer's true usage."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable demo, not a secret
    span = int((MONTH_LAST_HOUR - MONTH_START).total_seconds())
    truth = {c.external_id: Usage() for c in customers}
    made = []
    for number in range(events):
        customer = customers[number % len(customers)] if number < len(customers) else rng.choice(customers)
        meter = rng.choice(_WEIGHTS[customer.plan])
        event = UsageEvent(
            id=f"evt-{number:07d}",
            meter=meter,
            customer_id=customer.external_id,
            timestamp=(MONTH_START + timedelta(seconds=rng.randrange(span))).isoformat(),
        )
        _fill(event, truth[customer.external_id], rng)
        made.append(event)
    return made, truth


def _fill(event: UsageEvent, usage: Usage, rng: random.Random) -> None:
    if event.meter == "api_calls":
        value = Decimal(rng.randint(1, 90))
        event.value, usage.api_calls = str(value), usage.api_calls + value
    elif event.meter == "storage_gb":
        value = Decimal(rng.randint(100, 90_000)) / 1000
        event.value, usage.storage_gb = str(value), max(usage.storage_gb, value)
    elif event.meter == "active_users":
        user = f"user-{rng.randint(1, 40)}"
        event.properties = {"user": user}
        usage.users.add(user)
    else:
        usage.messages += 1


def batches(events: list[UsageEvent], repeat_every: int = 50) -> Iterator[bytes]:
    """The events as request bodies; every so often a batch is sent again, as clients do after a time-out."""
    for number, start in enumerate(range(0, len(events), BATCH)):
        body = msgspec.json.encode(events[start : start + BATCH])
        yield body
        if number % repeat_every == repeat_every // 2:
            yield body


async def send(client: Client, bodies: Iterator[bytes], progress: Callable[[int], None]) -> Sent:
    """Post the bodies over a few connections and add up the answers."""
    sent = Sent()
    started = asyncio.get_running_loop().time()

    async def sender() -> None:
        for body in bodies:
            answer = await client.post_encoded("/v1/usage", body)
            sent.accepted += answer["accepted"]
            sent.duplicates += answer["duplicates"]
            sent.rejected += answer["rejected"]
            progress(answer["accepted"])

    await asyncio.gather(*(sender() for _ in range(_SENDERS)))
    sent.seconds = asyncio.get_running_loop().time() - started
    return sent
