"""The bus on Kafka: one topic, keyed by resource, consumed by groups that commit positions themselves.

Docs: docs/adr/0013. The parts: kafka_connection (clients), kafka_topology (topic and groups), kafka_publishing,
kafka_subscription with kafka_progress (consuming).
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from loguru import logger

from corebilling.platform.bus.kafka_connection import TROUBLE, Clients, KafkaSecurity
from corebilling.platform.bus.kafka_findings import examine
from corebilling.platform.bus.kafka_publishing import Publisher
from corebilling.platform.bus.kafka_subscription import ACKNOWLEDGE_SECONDS, KafkaSubscription
from corebilling.platform.bus.kafka_topology import Topology, Wanted
from corebilling.platform.bus.port import BusUnavailable, Finding, OutgoingMessage, PublishResult

_KNOCK_SECONDS = 0.5
_PULSE_SECONDS = 2.0


class KafkaBus:
    """A connection that never gives up. `brokers` are addresses host:port separated by commas; a few of many are enough.

    `max_age` is to be at least the outbox's retention: a consumer that was away finds everything still there.
    `partitions` bounds how many routers work at once; `replication` is to be 3 where three brokers are.
    """

    def __init__(
        self,
        brokers: str,
        *,
        topic: str = "billing.events",
        partitions: int = 12,
        replication: int = 1,
        max_age: timedelta = timedelta(days=14),
        security: KafkaSecurity | None = None,
        acknowledge_seconds: float = ACKNOWLEDGE_SECONDS,
    ) -> None:
        self._clients = Clients([broker.strip() for broker in brokers.split(",")], security)
        self._topology = Topology(self._clients, Wanted(topic, partitions, replication, max_age))
        self._publisher = Publisher(self._clients, self._topology)
        self._subscriptions: list[KafkaSubscription] = []
        self._acknowledge_seconds = acknowledge_seconds
        self._connecting = asyncio.Lock()
        self._pulse: asyncio.Task[None] | None = None
        self._answers = False

    async def connect(self, *, declare: bool = True) -> None:
        async with self._connecting:
            if self._pulse is not None:
                return
            logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells every attempt, ten times a second
            told = ""
            while True:
                try:
                    await self._topology.open()
                    if declare:
                        await self._topology.make_topic()
                    break
                except (BusUnavailable, *TROUBLE) as error:
                    await self._topology.close()
                    if told != (told := str(error)):
                        logger.warning("Kafka can't be used yet, waiting for it: {!r}", error)
                    await asyncio.sleep(_KNOCK_SECONDS)
            self._answers = True
            self._pulse = asyncio.create_task(self._watch(declare=declare), name="kafka-pulse")

    @property
    def is_connected(self) -> bool:
        return self._pulse is not None and self._answers

    async def publish(self, messages: Sequence[OutgoingMessage]) -> Sequence[PublishResult]:
        self._connected()
        if not self._answers:
            raise BusUnavailable("Kafka doesn't answer; trying goes on")
        return await self._publisher.publish(messages)

    async def consume(self, durable: str, subjects: Sequence[str]) -> KafkaSubscription:
        self._connected()
        await self._topology.make_group(durable)
        subscription = KafkaSubscription(self._clients, self._topology, durable, subjects, self._acknowledge_seconds)
        await subscription.join()
        self._subscriptions.append(subscription)
        return subscription

    async def declare(self, durable: str, subjects: Sequence[str]) -> Sequence[str]:
        self._connected()
        wanted = self._topology.wanted
        if await self._topology.make_topic():
            changes = [f"topic {wanted.topic}: made with {wanted.partitions} partitions"]
        else:
            changes = await self._topology.mend_topic()
        if await self._topology.make_group(durable):
            changes.append(f"group {durable}: made, at the beginning of the topic")
        return changes

    async def inspect(self, durable: str, subjects: Sequence[str]) -> Sequence[Finding]:
        self._connected()
        return await examine(self._topology, durable)

    async def backlog(self, durable: str) -> int | None:
        self._connected()
        return await self._topology.backlog(durable)

    async def has_handled(self, durable: str, before: datetime) -> bool:
        self._connected()
        return await self._topology.has_handled(durable, before)

    async def close(self) -> None:
        pulse, self._pulse = self._pulse, None
        if pulse is not None:
            pulse.cancel()
            await asyncio.wait([pulse])
        for subscription in self._subscriptions:
            await subscription.close()
        self._subscriptions.clear()
        await self._publisher.close()
        await self._topology.close()

    def _connected(self) -> None:
        if self._pulse is None:
            raise BusUnavailable("Kafka is not connected; connect first")

    async def _watch(self, *, declare: bool) -> None:
        """Know whether the cluster answers, and make a topic that was lost anew unless this only looks on."""
        while True:
            await asyncio.sleep(_PULSE_SECONDS if self._answers else _KNOCK_SECONDS)
            try:
                answers = await self._topology.answers()
                if declare and answers and await self._topology.make_topic():
                    logger.error("the topic was lost; the outbox publishes again what was not handled")
            except (BusUnavailable, *TROUBLE) as error:
                answers = False
                logger.debug("Kafka: {!r}", error)
            if answers != self._answers:
                self._answers = answers
                logger.warning("Kafka {}", "answers again" if answers else "doesn't answer; trying goes on")
