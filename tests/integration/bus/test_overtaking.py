"""No event overtakes an earlier one of its resource, whatever the bus says and whoever holds the shard."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg

from backbone import change, count, dispatcher, event, running, send, until
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import Outcome, OutgoingMessage, PublishResult
from corebilling.platform.db import Database

Owner = psycopg.Connection[Any]
UNKNOWN = PublishResult(Outcome.UNKNOWN, "no answer")


class Witness:
    """Stands before a bus, notes what gets through in which order, and loses one batch after its first half.

    What became of that half is recorded late: the table that says whose shard it is stays locked for a moment.
    """

    def __init__(self, bus: NatsBus, owner: Owner, *, loses: int) -> None:
        self._bus = bus
        self._owner = owner
        self._loses = loses
        self._batches = 0
        self.order: dict[UUID, list[str]] = defaultdict(list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish(self, messages: Sequence[OutgoingMessage]) -> Sequence[PublishResult]:
        self._batches += 1
        await asyncio.sleep(0.05)  # a bus in trouble takes its time: meanwhile the next batches are claimed
        half = len(messages)
        if self._batches == self._loses:
            half //= 2
            await change(self._owner, "BEGIN; LOCK TABLE outbox_leases IN ACCESS EXCLUSIVE MODE")
            asyncio.get_running_loop().call_later(1.0, self._owner.execute, "COMMIT")
        for message in messages[:half]:
            if message.id not in self.order[message.key]:
                self.order[message.key].append(message.id)
        results = await self._bus.publish(messages[:half])
        return [*results, *[UNKNOWN] * (len(messages) - half)]


async def test_nothing_overtakes_what_had_no_answer(db: Database, bus: NatsBus, owner: Owner, emptied_url: str) -> None:
    tenant, resources = uuid4(), [uuid4() for _ in range(50)]
    for start in range(0, 8000, 2000):
        numbers = range(start, start + 2000)
        await send(db, *(event(tenant, str(n), resource_id=resources[n % 50], seq=n) for n in numbers))
    witness = Witness(bus, owner, loses=3)
    with psycopg.connect(emptied_url, autocommit=True) as looker:
        async with running(dispatcher(db, witness)):  # type: ignore[arg-type]
            left = lambda: count(looker, "billing_events", "status <> 'dispatched'")  # noqa: E731
            await until(lambda: left() == 0, "all dispatched")
    assert all(ids == sorted(ids) for ids in witness.order.values())


async def test_what_waited_behind_a_refused_event_goes_out_before_what_comes_later(
    db: Database, bus: NatsBus, owner: Owner
) -> None:
    tenant, resource = uuid4(), uuid4()
    await send(
        db,
        event(tenant, "9" * 1_100_000, resource_id=resource, seq=1),
        event(tenant, "2", resource_id=resource, seq=2),
    )
    owner.execute("UPDATE billing_events SET retry_count = 7 WHERE resource_seq = 1")
    witness = Witness(bus, owner, loses=0)
    async with running(dispatcher(db, witness)):  # type: ignore[arg-type]
        await until(lambda: count(owner, "dead_letters") == 1, "the first given up")
        await send(db, event(tenant, "3", resource_id=resource, seq=3))
        await until(lambda: count(owner, "billing_events", "status = 'dispatched'") == 2, "the others dispatched")
    (ids,) = witness.order.values()
    assert ids == sorted(ids)
