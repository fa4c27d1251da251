"""Publishing to a Kafka topic: one batch for each partition and round, acknowledged by a majority of its replicas.

A producer numbers its batches, so the brokers neither repeat nor reorder them. One that doesn't get its answer in time is
given up as a whole and the next publish makes another: nothing piles up in memory while the cluster is in trouble, and what
was sent may be there twice. The inbox knows.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer

from corebilling.platform.bus.kafka_connection import REQUEST_SECONDS, TROUBLE, Clients
from corebilling.platform.bus.kafka_topology import Topology
from corebilling.platform.bus.port import ACKNOWLEDGED, BusUnavailable, Outcome, OutgoingMessage, PublishResult

_ANSWER_SECONDS = 5.0
_HEADER_ROOM = 1024
_HELD_BACK = PublishResult(Outcome.HELD_BACK, "waits behind an earlier message of its resource")
_NO_LEADER = PublishResult(Outcome.UNKNOWN, "its partition has no leader at the moment")

Numbered = tuple[int, OutgoingMessage]


class Publisher:
    """Publishes with one producer at a time."""

    def __init__(self, clients: Clients, topology: Topology) -> None:
        self._clients = clients
        self._topology = topology
        self._starting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._largest = 0

    async def publish(self, messages: Sequence[OutgoingMessage]) -> list[PublishResult]:
        """One result each, in order. Raises BusUnavailable if none could go."""
        producer = await self._ready()
        results: list[PublishResult | None] = [None] * len(messages)
        by_partition = await self._sorted(producer, messages, results)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS), asyncio.TaskGroup() as lanes:
                for partition, members in by_partition.items():
                    lanes.create_task(self._lane(producer, partition, members, results))
        except TimeoutError:
            pass
        settled = [result or _unknown("no acknowledgement in time") for result in results]
        if any(result.outcome is Outcome.UNKNOWN and result is not _NO_LEADER for result in settled):
            self._give_up(producer)
        return settled

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), REQUEST_SECONDS)
            except TROUBLE:
                self._end(producer)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is not None:
                return self._producer
            self._largest = await self._topology.largest_message()
            producer = self._clients.producer(self._largest)
            try:
                async with asyncio.timeout(2 * REQUEST_SECONDS):
                    await producer.start()
                    await producer.partitions_for(self._topology.topic)
            except TROUBLE as error:
                self._end(producer)
                raise BusUnavailable(f"Kafka takes no messages: {error!r}") from error
            self._producer = producer
            return producer

    async def _sorted(
        self, producer: AIOKafkaProducer, messages: Sequence[OutgoingMessage], results: list[PublishResult | None]
    ) -> dict[int, list[Numbered]]:
        """The messages by partition; those that can't go have their result already."""
        topic = self._topology.topic
        try:
            count = len(await producer.partitions_for(topic))
        except TROUBLE as error:
            self._give_up(producer)
            raise BusUnavailable(f"the topic {topic} can't be found: {error!r}") from error
        led = producer.client.cluster.available_partitions_for_topic(topic)
        if not led:
            raise BusUnavailable(f"no partition of {topic} has a leader")
        lanes: dict[int, list[Numbered]] = {}
        refused_keys: set[UUID] = set()
        for number, message in enumerate(messages):
            partition = message.key.int % count
            if message.key in refused_keys:
                results[number] = _HELD_BACK
            elif len(message.body) > self._largest - _HEADER_ROOM:
                limit = f"the topic takes at most {self._largest - _HEADER_ROOM}"
                results[number] = PublishResult(Outcome.REFUSED, f"{len(message.body)} bytes; {limit}")
                refused_keys.add(message.key)
            elif partition not in led:
                results[number] = _NO_LEADER
            else:
                lanes.setdefault(partition, []).append((number, message))
        return lanes

    async def _lane(
        self,
        producer: AIOKafkaProducer,
        partition: int,
        members: Sequence[Numbered],
        results: list[PublishResult | None],
    ) -> None:
        """One partition's messages, batch after batch; after a failed one the rest isn't sent."""
        try:
            for batch, numbers in _batches(producer, members):
                sent = await producer.send_batch(batch, self._topology.topic, partition=partition)
                sent.add_done_callback(_seen)
                await asyncio.wait([sent])
                sent.result()
                for number in numbers:
                    results[number] = ACKNOWLEDGED
                await asyncio.sleep(0)
        except TROUBLE as error:
            for number, _ in members:
                results[number] = results[number] or _unknown(repr(error))

    def _give_up(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            self._end(producer)

    def _end(self, producer: AIOKafkaProducer) -> None:
        ending = asyncio.create_task(_abandon(producer), name="kafka-producer-ends")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _batches(producer: AIOKafkaProducer, members: Sequence[Numbered]) -> Iterator[tuple[Any, list[int]]]:
    batch, numbers = producer.create_batch(), list[int]()
    for number, message in members:
        headers = [("id", message.id.encode()), ("subject", message.subject.encode())]
        key = message.key.bytes
        if batch.append(key=key, value=message.body, timestamp=None, headers=headers) is None:
            yield batch, numbers
            batch, numbers = producer.create_batch(), []
            batch.append(key=key, value=message.body, timestamp=None, headers=headers)  # the first always has room
        numbers.append(number)
    yield batch, numbers


def _seen(answer: "asyncio.Future[Any]") -> None:
    """Look at an answer that may come after anybody waits for it, or asyncio complains."""
    if not answer.cancelled():
        answer.exception()


async def _abandon(producer: AIOKafkaProducer) -> None:
    """End a producer without waiting for what it still wants to send: aiokafka would try for ever, and knows no other end."""
    sender = producer._sender.sender_task  # noqa: SLF001
    if sender is not None:
        sender.cancel()
        await asyncio.wait([sender], timeout=2 * REQUEST_SECONDS)  # requests under way have their own limit
    producer._closed = True  # noqa: SLF001 - or it complains that nobody stopped it
    with suppress(*TROUBLE):
        await asyncio.wait_for(producer.client.close(), REQUEST_SECONDS)


def _unknown(error: str) -> PublishResult:
    return PublishResult(Outcome.UNKNOWN, error)
