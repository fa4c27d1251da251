"""What dispatcher and router rely on, over each bus: NATS and Kafka, one server and three."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from bus_kinds import KINDS, PARAMETERS, Kind, OnKafka
from bus_places import SUBJECT, Place, acknowledged, message, receive, send, text

from backbone import until
from corebilling.platform.bus.port import (
    BusUnavailable,
    Level,
    Outcome,
    Subscription,
)

GROUP = "conformance"
MINUTE = timedelta(minutes=1)
CLUSTERS_SLOWLY = [pytest.param(name, marks=pytest.mark.slow) for name in ("nats-cluster", "kafka-three")]


@pytest.fixture(scope="module", params=PARAMETERS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    if request.param == "kafka":
        addresses: str = request.getfixturevalue("kafka_brokers")
        elsewhere = "TEST_KAFKA_BROKERS" in os.environ
        yield OnKafka(addresses, [] if elsewhere else request.getfixturevalue("kafka").brokers)
        return
    with KINDS[request.param](tmp_path_factory.mktemp(request.param)) as kind:
        yield kind


@pytest.fixture
async def place(kind: Kind) -> AsyncIterator[Place]:
    place = Place(kind)
    yield place
    await place.close()
    await _start(kind)  # the servers that a failed test left dead


async def test_what_is_acknowledged_arrives_once_and_other_subjects_not_at_all(place: Place) -> None:
    bus = await place.bus()
    subscription = await bus.consume(GROUP, [SUBJECT])
    await send(bus, message("1"), message("of nobody's", subject="thing.ignored"), message("3"))
    deliveries = await receive(subscription, ["1", "3"])
    assert sorted(map(text, deliveries)) == ["1", "3"]
    await acknowledged(subscription, deliveries)
    assert not await subscription.fetch(10, 0.2)


async def test_messages_of_one_key_arrive_in_the_order_of_publishing(place: Place) -> None:
    bus = await place.bus()
    keys = [uuid4() for _ in range(5)]
    texts = [[f"{key} {number:03}" for key in keys for number in range(batch, batch + 20)] for batch in (0, 20, 40)]
    for batch in texts:
        await send(bus, *(message(one, key=UUID(one.split()[0])) for one in batch))
    subscription = await bus.consume(GROUP, [SUBJECT])
    deliveries = await receive(subscription, [one for batch in texts for one in batch], limit=7)
    by_key = defaultdict(list)
    for delivery in deliveries:
        by_key[text(delivery).split()[0]].append(text(delivery))
    assert all(seen == sorted(seen) for seen in by_key.values())
    await acknowledged(subscription, deliveries)


async def test_a_message_too_large_holds_back_later_ones_of_its_key_alone(place: Place) -> None:
    bus = await place.bus()
    subscription = await bus.consume(GROUP, [SUBJECT])
    key = uuid4()
    before, large, behind = message("before", key=key), message("x" * 2_000_000, key=key), message("behind", key=key)
    results = await bus.publish([before, large, behind, message("other")])
    assert [result.outcome for result in results] == [
        Outcome.ACKNOWLEDGED,
        Outcome.REFUSED,
        Outcome.HELD_BACK,
        Outcome.ACKNOWLEDGED,
    ]
    assert "2000000 bytes" in results[1].error
    await send(bus, behind)
    deliveries = await receive(subscription, ["before", "behind", "other"])
    assert [text(d) for d in deliveries if text(d) != "other"] == ["before", "behind"]


async def test_only_what_was_neither_acknowledged_nor_extended_comes_again(place: Place) -> None:
    lost = await place.bus()
    key = uuid4()
    await send(lost, message("held by a lost consumer", key=key))
    await receive(await lost.consume(GROUP, [SUBJECT]), ["held by a lost consumer"])
    await lost.close()

    bus = await place.bus()
    subscription = await bus.consume(GROUP, [SUBJECT])
    await send(bus, *(message(one, key=key) for one in ("done", "at work", "forgotten")))
    first = {text(d): d for d in await receive(subscription, ["done", "at work", "forgotten"])}
    first.pop("held by a lost consumer", None)
    await subscription.acknowledge([first["done"]])
    again = {"held by a lost consumer": False, "forgotten": False}

    async def came_again() -> bool:
        await subscription.extend([first["at work"]])
        for delivery in await subscription.fetch(10, 0.5):
            again[text(delivery)] = True
            await subscription.acknowledge([delivery])
        return again["forgotten"]

    await until(came_again, "the forgotten message comes again", seconds=4 * subscription.acknowledge_seconds)
    assert set(again) == {"held by a lost consumer", "forgotten"}
    await acknowledged(subscription, [first["at work"]])


async def test_backlog_and_age_tell_how_far_a_group_is(place: Place) -> None:
    bus = await place.bus()
    past, future = datetime.now(UTC) - MINUTE, datetime.now(UTC) + MINUTE
    assert await bus.backlog(GROUP) is None
    assert not await bus.has_handled(GROUP, past)
    await bus.declare(GROUP, [SUBJECT])
    assert await bus.backlog(GROUP) == 0
    assert await bus.has_handled(GROUP, future)
    await send(bus, message("1"), message("2"), message("3"))
    assert await bus.backlog(GROUP) == 3
    assert await bus.has_handled(GROUP, past)
    subscription = await bus.consume(GROUP, [SUBJECT])
    one, *others = await receive(subscription, ["1", "2", "3"])
    assert await bus.backlog(GROUP) == await subscription.lag() == 3, "delivered is not acknowledged"
    await subscription.acknowledge(others)
    assert not await bus.has_handled(GROUP, future)
    await acknowledged(subscription, [one])
    assert await bus.backlog(GROUP) == 0
    assert await bus.has_handled(GROUP, future)


async def test_members_join_and_leave_and_nothing_is_lost(place: Place) -> None:
    sender = await place.bus()
    sent: set[str] = set()
    got: dict[str, set[str]] = {"first": set(), "second": set()}
    working = {"first", "second"}

    async def work(name: str, subscription: Subscription) -> None:
        while name in working:
            with suppress(BusUnavailable):
                deliveries = await subscription.fetch(20, 0.2)
                got[name] |= {text(delivery) for delivery in deliveries}
                await subscription.acknowledge(deliveries)

    async def more() -> None:
        texts = [f"{len(sent) + number}" for number in range(40)]
        await send(sender, *map(message, texts))
        sent.update(texts)

    async def both_work() -> bool:
        await more()
        return len(got["second"]) > 0

    first, second = await place.bus(), await place.bus()
    one = asyncio.create_task(work("first", await first.consume(GROUP, [SUBJECT])))
    await until(lambda: bool(got["first"]) or more(), "the first member at work")
    two = asyncio.create_task(work("second", await second.consume(GROUP, [SUBJECT])))
    await until(both_work, "the second member at work")
    working.remove("second")
    await two
    await second.close()
    await more()
    await until(lambda: got["first"] | got["second"] == sent, "everything delivered", seconds=60)
    working.clear()
    await one


@pytest.mark.parametrize("kind", ["nats", "kafka", *CLUSTERS_SLOWLY], indirect=True)
async def test_a_bus_that_was_down_goes_on_where_it_was(place: Place) -> None:
    if not place.kind.brokers:
        pytest.skip("these brokers aren't ours to kill")
    bus = await place.bus()
    subscription = await bus.consume(GROUP, [SUBJECT])
    await send(bus, message("before"))
    await acknowledged(subscription, await receive(subscription, ["before"]))
    await send(bus, message("kept"))
    for broker in place.kind.brokers:
        await asyncio.to_thread(broker.kill)
    await until(lambda: not bus.is_connected, "the bus is seen to be gone")
    with suppress(BusUnavailable):
        assert {result.outcome for result in await bus.publish([message("lost")])} == {Outcome.UNKNOWN}
    await _start(place.kind)
    await until(lambda: bus.is_connected, "the bus is seen to be back", seconds=60)
    await send(bus, message("after"))
    await acknowledged(subscription, await receive(subscription, ["kept", "after"]))


@pytest.mark.parametrize("servers", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["nats-cluster", pytest.param("kafka-three", marks=pytest.mark.slow)], indirect=True)
async def test_one_server_of_three_may_go(place: Place, servers: int) -> None:
    bus = await place.bus()
    subscription = await bus.consume(GROUP, [SUBJECT])
    for number, broker in enumerate(place.kind.brokers[:servers]):
        await asyncio.to_thread(broker.kill)
        await send(bus, message(f"without {number}"))
        await acknowledged(subscription, await receive(subscription, [f"without {number}"]))
        await asyncio.to_thread(broker.start)


async def _start(kind: Kind) -> None:
    async with asyncio.TaskGroup() as starting:
        for broker in (broker for broker in kind.brokers if not broker.running):
            starting.create_task(asyncio.to_thread(broker.start))


async def test_a_place_that_was_lost_is_made_anew(place: Place) -> None:
    bus = await place.bus()
    subscription = await bus.consume(GROUP, [SUBJECT])
    await send(bus, *(message(f"{number}") for number in range(9)))
    await acknowledged(subscription, await receive(subscription, [f"{number}" for number in range(9)]))
    await place.kind.destroy(place.name)
    await send(bus, message("after"))
    deliveries = await receive(subscription, ["after"])
    await acknowledged(subscription, deliveries)
    assert await bus.backlog(GROUP) == 0


async def test_declaring_twice_changes_nothing_more(place: Place) -> None:
    bus = await place.bus()
    assert await bus.declare(GROUP, [SUBJECT])
    assert not await bus.declare(GROUP, [SUBJECT])
    async with asyncio.timeout(60):  # replicas of a stream just made take a moment to be in step
        while {finding.level for finding in await bus.inspect(GROUP, [SUBJECT])} != {Level.OK}:
            await asyncio.sleep(0.1)


async def test_an_inspection_finds_a_missing_group_and_another_retention(place: Place) -> None:
    bus = await place.bus()
    assert GROUP in _errors(await bus.inspect(GROUP, [SUBJECT]))
    shorter = await place.bus(max_age=timedelta(hours=1))
    assert _errors(await shorter.inspect(GROUP, [SUBJECT]))
    assert await shorter.declare(GROUP, [SUBJECT])
    assert not _errors(await shorter.inspect(GROUP, [SUBJECT]))
    assert _errors(await bus.inspect(GROUP, [SUBJECT])), "it was changed to another retention"
    assert await bus.declare(GROUP, [SUBJECT])
    assert not _errors(await bus.inspect(GROUP, [SUBJECT]))


def _errors(findings: Sequence[Any]) -> str:
    return "; ".join(f"{f.what}: {f.advice}" for f in findings if f.level is Level.ERROR)
