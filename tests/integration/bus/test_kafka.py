"""What only Kafka has: positions instead of acknowledgements, members, producers that number, doors with locks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from loguru import logger

from backbone import consumer, count, dispatcher, event, router, running, seen, send, until
from corebilling.platform.bus.kafka import KafkaBus
from corebilling.platform.bus.kafka_connection import MECHANISMS, PROTOCOLS, KafkaSecurity
from corebilling.platform.bus.port import Delivery, Level, Outcome, OutgoingMessage, Subscription
from corebilling.platform.db import Database
from kafka_servers import KafkaCluster, Secrets

GROUP = "of-a-test"
SUBJECT = "thing.happened"


@pytest.fixture
def topic() -> str:
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
async def bus(kafka: KafkaCluster, topic: str) -> AsyncIterator[KafkaBus]:
    """On a topic of the test's own."""
    bus = KafkaBus(kafka.addresses, topic=topic, partitions=1)
    await bus.connect()
    yield bus
    await bus.close()


def message(text: str, key: UUID | None = None) -> OutgoingMessage:
    return OutgoingMessage(f"{uuid4()}", SUBJECT, key or uuid4(), text.encode())


async def received(subscription: Subscription, number: int) -> list[Delivery]:
    found: list[Delivery] = []

    async def enough() -> bool:
        found.extend(await subscription.fetch(100, 0.5))
        return len(found) >= number

    await until(enough, f"{number} messages")
    return found


def texts(deliveries: list[Delivery]) -> list[str]:
    return [delivery.body.decode() for delivery in deliveries]


async def test_messages_larger_than_a_batch_arrive_in_order(bus: KafkaBus) -> None:
    key = uuid4()
    sent = [letter * size for letter, size in zip("abcde", (10, 300_000, 900_000, 20, 500_000), strict=True)]
    results = await bus.publish([message(text, key) for text in sent])
    assert {result.outcome for result in results} == {Outcome.ACKNOWLEDGED}
    assert texts(await received(await bus.consume(GROUP, [SUBJECT]), len(sent))) == sent


@pytest.mark.parametrize("more", [3, 20])
async def test_a_topic_made_anew_while_nobody_read_is_read_from_its_beginning(
    kafka: KafkaCluster, topic: str, more: int
) -> None:
    """Whether the new one is still shorter than the group's old position, or longer."""
    for numbers in (range(9), range(100, 100 + more)):
        bus = KafkaBus(kafka.addresses, topic=topic, partitions=1)
        await bus.connect()
        await bus.publish([message(str(number)) for number in numbers])
        subscription = await bus.consume(GROUP, [SUBJECT])
        found = await received(subscription, len(numbers))
        assert sorted(map(int, texts(found))) == list(numbers)
        await subscription.acknowledge(found)
        await bus.close()
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.addresses)
        await admin.start()
        await admin.delete_topics([topic])
        await admin.close()


async def test_events_go_from_the_outbox_over_kafka_to_every_consumer_once(
    db: Database, bus: KafkaBus, owner: psycopg.Connection[Any]
) -> None:
    one, two = uuid4(), uuid4()
    consumers = consumer("first"), consumer("second")
    async with running(dispatcher(db, bus, *consumers), router(db, bus, *consumers)):
        await send(db, event(one, "1"), event(two, "2"), event(one, "3"))
        await until(lambda: count(owner, "seen") >= 6, "six rows")
    expected = {(t, n, c) for t, n in ((one, 1), (two, 2), (one, 3)) for c in ("first", "second")}
    assert sorted(map(str, seen(owner))) == sorted(map(str, expected))
    assert count(owner, "billing_events", "status = 'dispatched'") == 3


async def test_what_was_acknowledged_behind_an_open_message_comes_again_to_the_next_member(
    kafka: KafkaCluster, bus: KafkaBus, topic: str
) -> None:
    await bus.publish([message(f"{number}") for number in range(6)])
    former = KafkaBus(kafka.addresses, topic=topic, partitions=1)
    await former.connect()
    subscription = await former.consume(GROUP, [SUBJECT])
    deliveries = await received(subscription, 6)
    await subscription.acknowledge(deliveries[:2] + deliveries[3:5])
    await former.close()
    assert texts(await received(await bus.consume(GROUP, [SUBJECT]), 4)) == ["2", "3", "4", "5"]


async def test_a_member_that_joins_waits_for_what_the_others_have_at_work(
    kafka: KafkaCluster, bus: KafkaBus, topic: str
) -> None:
    await bus.publish([message("1"), message("2")])
    first = await bus.consume(GROUP, [SUBJECT])
    at_work = await received(first, 2)
    other = KafkaBus(kafka.addresses, topic=topic, partitions=1)
    await other.connect()
    joining = asyncio.create_task(other.consume(GROUP, [SUBJECT]))
    await first.acknowledge(at_work)
    second = await joining
    await bus.publish([message("3")])
    found: list[str] = []

    async def came() -> bool:
        for subscription in (first, second):
            found.extend(texts(list(await subscription.fetch(10, 0.2))))
        return bool(found)

    await until(came, "the message after the change of members")
    assert found == ["3"], "what was acknowledged before the change doesn't come again"
    await other.close()


async def test_a_late_acknowledgement_of_a_former_member_counts_for_nothing(
    kafka: KafkaCluster, bus: KafkaBus, topic: str
) -> None:
    await bus.publish([message("1")])
    former = await bus.consume(GROUP, [SUBJECT])
    late = await received(former, 1)
    await former.close()
    present = await bus.consume(GROUP, [SUBJECT])
    assert texts(await received(present, 1)) == ["1"]
    await former.acknowledge(late)
    assert await bus.backlog(GROUP) == 1


async def test_a_producer_that_the_brokers_refuse_gives_way_to_another(
    kafka: KafkaCluster, bus: KafkaBus, topic: str
) -> None:
    await bus.publish([message("short")])
    await _set(kafka, topic, "max.message.bytes", "2000")
    results = await bus.publish([message("x" * 1500), message("x" * 1500)])
    assert {result.outcome for result in results} == {Outcome.UNKNOWN}, "they went as one batch"
    results = await bus.publish([message("x" * 1500), message("short")])
    assert [result.outcome for result in results] == [Outcome.REFUSED, Outcome.ACKNOWLEDGED], "the limit is known now"


async def test_declaring_mends_settings_and_adds_partitions_and_leaves_an_operators_settings_alone(
    kafka: KafkaCluster, bus: KafkaBus, topic: str
) -> None:
    await _set(kafka, topic, "max.message.bytes", "3000000")
    wider = KafkaBus(kafka.addresses, topic=topic, partitions=3)
    await wider.connect()
    assert {f.level for f in await wider.inspect(GROUP, [SUBJECT])} == {Level.OK, Level.WARNING, Level.ERROR}
    changes = await wider.declare(GROUP, [SUBJECT])
    assert [change for change in changes if "3 partitions instead of 1" in change]
    assert {f.level for f in await wider.inspect(GROUP, [SUBJECT])} == {Level.OK}
    large = await wider.publish([message("x" * 2_500_000)])
    assert large[0].outcome is Outcome.ACKNOWLEDGED
    await wider.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_it_logs_in_over_tls(kafka: KafkaCluster, kafka_secrets: Secrets, topic: str, mechanism: str) -> None:
    security = KafkaSecurity(
        "SASL_SSL",
        mechanism,
        kafka_secrets.username,
        kafka_secrets.password,
        kafka_secrets.ca,
        kafka_secrets.cert,
        kafka_secrets.key,
    )
    assert kafka_secrets.password not in repr(security)
    bus = KafkaBus(kafka.secure_addresses, topic=topic, partitions=1, security=security)
    await bus.connect()
    subscription = await bus.consume(GROUP, [SUBJECT])
    assert (await bus.publish([message("1")]))[0].outcome is Outcome.ACKNOWLEDGED
    assert texts(await received(subscription, 1)) == ["1"]
    await bus.close()


@pytest.mark.parametrize(("password", "trusts"), [("another", True), ("not a secret", False)])
async def test_it_keeps_waiting_outside_with_a_wrong_password_or_a_stranger_at_the_door(
    kafka: KafkaCluster, kafka_secrets: Secrets, topic: str, password: str, trusts: bool
) -> None:
    ca = kafka_secrets.ca if trusts else ""
    security = KafkaSecurity(
        "SASL_SSL", "PLAIN", kafka_secrets.username, password, ca, kafka_secrets.cert, kafka_secrets.key
    )
    bus = KafkaBus(kafka.secure_addresses, topic=topic, security=security)
    said: list[str] = []
    sink = logger.add(said.append, level="WARNING", format="{message}")
    connecting = asyncio.create_task(bus.connect())
    await until(lambda: any("can't be used yet, waiting for it" in line for line in said), "a first attempt in vain")
    assert not connecting.done()
    assert not bus.is_connected
    connecting.cancel()
    await asyncio.wait([connecting])
    await bus.close()
    logger.remove(sink)


@pytest.mark.parametrize("wrong", [KafkaSecurity("TLS"), KafkaSecurity("SASL_PLAINTEXT", "MD5")])
def test_a_security_that_isnt_known_is_refused_with_what_is(wrong: KafkaSecurity) -> None:
    with pytest.raises(ValueError, match="is none of") as refusal:
        wrong.described()
    assert any(", ".join(known) in str(refusal.value) for known in (PROTOCOLS, MECHANISMS))


async def _set(kafka: KafkaCluster, topic: str, name: str, value: str) -> None:
    """Change one setting of the topic as an operator would; the others fall back to the brokers' own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.addresses)
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])
    await admin.close()
