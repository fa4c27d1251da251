"""What NATS is told to keep and deliver, what an operator is told about it, and how far a consumer has come."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import nats
import pytest

from backbone import until
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.bus.port import BusUnavailable, Level, Outcome, OutgoingMessage
from corebilling.platform.clock import wall_clock
from nats_cluster import NatsCluster

DURABLE = "topology"


def message(number: int, subject: str = "rating.failed") -> OutgoingMessage:
    return OutgoingMessage(f"{number}-{uuid4()}", subject, uuid4(), b"{}")


@pytest.fixture
async def looking(nats_url: str) -> AsyncIterator[NatsBus]:
    """A connection that declares nothing by itself."""
    name = uuid4().hex[:12]
    made = NatsBus(nats_url, stream=f"T_{name}", prefix=f"t{name}", max_age=timedelta(days=14))
    await made.connect(declare=False)
    yield made
    await made.close()


async def test_what_is_missing_is_found_and_made_once(looking: NatsBus) -> None:
    assert [finding.level for finding in await looking.inspect(DURABLE, ["rating.failed"])] == [Level.ERROR]
    assert len(await looking.declare(DURABLE, ["rating.failed"])) == 2
    assert await looking.declare(DURABLE, ["rating.failed"]) == []
    found = await looking.inspect(DURABLE, ["rating.failed"])
    assert [finding.level for finding in found] == [Level.OK, Level.OK], found


async def test_a_shorter_retention_is_found_and_mended_and_what_an_operator_added_stays(
    looking: NatsBus, nats_url: str
) -> None:
    other = NatsBus(
        nats_url, stream=looking.stream, prefix=looking.topology.prefix, max_age=timedelta(days=2), replicas=1
    )
    await other.connect()
    await other.declare(DURABLE, ["rating.failed"])
    _, js = other._connected()
    config = (await js.stream_info(other.stream)).config
    await js.update_stream(config.evolve(max_bytes=1 << 20))
    await other.close()
    errors = [f for f in await looking.inspect(DURABLE, ["rating.failed"]) if f.level is Level.ERROR]
    assert ["max_age" in finding.what for finding in errors] == [True]
    assert len(await looking.declare(DURABLE, ["rating.failed"])) == 1
    assert not [f for f in await looking.inspect(DURABLE, ["rating.failed"]) if f.level is Level.ERROR]
    _, js = looking._connected()
    config = (await js.stream_info(looking.stream)).config
    assert (config.max_bytes, config.max_age) == (1 << 20, timedelta(days=14).total_seconds())


async def test_a_consumer_without_a_subject_is_told_of_and_left_to_the_routers(looking: NatsBus) -> None:
    await looking.declare(DURABLE, ["rating.failed"])
    warned = [f for f in await looking.inspect(DURABLE, ["rating.failed", "plan.created"]) if f.level is Level.WARNING]
    assert ["plan.created" in finding.what for finding in warned] == [True]
    assert await looking.declare(DURABLE, ["rating.failed", "plan.created"]) == []
    await looking.consume(DURABLE, ["rating.failed", "plan.created"])
    assert not [f for f in await looking.inspect(DURABLE, ["rating.failed", "plan.created"]) if f.advice]


async def test_a_group_has_handled_what_lies_before_its_oldest_message(bus: NatsBus) -> None:
    assert await bus.backlog(DURABLE) is None
    assert not await bus.has_handled(DURABLE, wall_clock())
    subscription = await bus.consume(DURABLE, ["rating.failed", "plan.created"])
    assert await bus.has_handled(DURABLE, wall_clock()), "a group without messages has handled all"
    await bus.publish([message(1), message(2, "plan.created"), message(3, "price.created")])
    middle = wall_clock()
    await bus.publish([message(4, "price.created"), message(5)])
    assert await bus.backlog(DURABLE) == 3
    taken = list(await subscription.fetch(2, 5.0))
    assert await bus.backlog(DURABLE) == 3, "delivered is not acknowledged"
    await subscription.acknowledge(taken[1:])
    assert not await bus.has_handled(DURABLE, middle)
    await subscription.acknowledge(taken[:1])

    async def one_left() -> bool:
        return await bus.backlog(DURABLE) == 1

    await until(one_left, "both acknowledged")
    assert await bus.has_handled(DURABLE, middle), "what is left came later, and another subject is not the group's"
    assert not await bus.has_handled(DURABLE, wall_clock())


async def test_replicas_are_raised_on_a_cluster_and_a_lost_server_is_told_of(reachable_path: Path) -> None:
    with NatsCluster(reachable_path) as cluster:
        alone = NatsBus(cluster.url)
        await alone.connect()
        await alone.declare(DURABLE, ["rating.failed"])
        await alone.close()
        bus = NatsBus(cluster.url, replicas=3)
        await bus.connect(declare=False)
        errors = [f for f in await bus.inspect(DURABLE, ["rating.failed"]) if f.level is Level.ERROR]
        assert ["replicas is 1, not 3" in finding.what for finding in errors] == [True]
        assert len(await bus.declare(DURABLE, ["rating.failed"])) == 1

        async def levels() -> set[Level]:
            try:
                return {finding.level for finding in await bus.inspect(DURABLE, ["rating.failed"])}
            except BusUnavailable:  # between two leaders
                return set()

        async def well() -> bool:
            return await levels() == {Level.OK}

        async def warned() -> bool:
            return Level.WARNING in await levels()

        await until(well, "three replicas in step")
        await asyncio.to_thread(cluster.servers[0].kill)
        await until(warned, "the loss of a server told")
        await bus.close()


async def test_a_stream_with_a_smaller_limit_of_its_own_refuses_only_what_exceeds_it(
    bus: NatsBus, nats_url: str
) -> None:
    """An operator's limit on messages is kept by `declare`; what exceeds it is that message's fault, and no trouble of the bus."""
    nc = await nats.connect(nats_url)
    try:
        js = nc.jetstream()
        config = (await js.stream_info(bus.stream)).config
        await js.update_stream(config.evolve(max_msg_size=10_000))
    finally:
        await nc.close()
    large, small = (OutgoingMessage(f"{uuid4()}", "rating.failed", uuid4(), b"x" * size) for size in (20_000, 100))
    results = await bus.publish([large, small])
    assert [result.outcome for result in results] == [Outcome.REFUSED, Outcome.ACKNOWLEDGED]
