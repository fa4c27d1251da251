"""A member of a Kafka consumer group that hands messages out, and commits what was acknowledged without a gap.

Before partitions go to another member, what is at work gets a moment to finish; the rest is dropped, its late
acknowledgements count for nothing, and whoever has the partition next receives it again.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from loguru import logger

from corebilling.platform.bus.kafka_connection import REQUEST_SECONDS, TROUBLE, Clients
from corebilling.platform.bus.kafka_progress import Partition, Receipt
from corebilling.platform.bus.kafka_topology import Topology
from corebilling.platform.bus.port import BusUnavailable, Delivery

ACKNOWLEDGE_SECONDS = 10.0
"""What a router forgot comes again after this long; one that died is found out by its session."""
_JOIN_SECONDS = 30.0
_FINISH_SECONDS = 3.0
_MOST_AHEAD = 100_000
"""A partition isn't read further ahead of a message that stays open: all of it would come again after a crash."""


class KafkaSubscription:
    """A member of a consumer group."""

    def __init__(
        self, clients: Clients, topology: Topology, group: str, subjects: Iterable[str], acknowledge_seconds: float
    ) -> None:
        self._clients = clients
        self._acknowledge_seconds = acknowledge_seconds
        self._topology = topology
        self._group = group
        self._subjects = frozenset(subject.encode() for subject in subjects)
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: dict[TopicPartition, Partition] = {}
        self._assigned = asyncio.Event()
        self._changed = asyncio.Event()
        self._committing: asyncio.Task[None] | None = None

    @property
    def acknowledge_seconds(self) -> float:
        return self._acknowledge_seconds

    async def join(self) -> None:
        """Become a member; waits for the group to settle. Raises BusUnavailable."""
        await self._leave()
        consumer = await self._clients.member(self._group)
        consumer.subscribe([self._topology.topic], listener=_Listener(self))
        try:
            async with asyncio.timeout(_JOIN_SECONDS):
                await consumer.start()
        except TROUBLE as error:
            with suppress(*TROUBLE):
                await asyncio.wait_for(consumer.stop(), REQUEST_SECONDS)
            raise BusUnavailable(f"the group {self._group} can't be joined: {error!r}") from error
        self._consumer = consumer
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_changes(), name=f"kafka-commits-{self._group}")

    async def fetch(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait_seconds
        while True:
            if self._consumer is None:
                await self.join()
            with suppress(TimeoutError):  # partitions are being dealt out anew
                await asyncio.wait_for(self._assigned.wait(), max(0.0, deadline - clock()))
            deliveries = self._overdue(limit) or await self._new(limit, max(0.0, deadline - clock()))
            if deliveries or clock() >= deadline:
                return deliveries

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            receipt = _receipt(delivery)
            receipt.partition.acknowledge(receipt.offset)
        self._changed.set()

    async def extend(self, deliveries: Sequence[Delivery]) -> None:
        due = asyncio.get_running_loop().time() + self.acknowledge_seconds
        for delivery in deliveries:
            receipt = _receipt(delivery)
            receipt.partition.extend(receipt.offset, due)

    async def lag(self) -> int:
        return await self._topology.backlog(self._group) or 0

    async def close(self) -> None:
        """Commit what was acknowledged and leave the group."""
        if self._committing is not None:
            self._committing.cancel()
            await asyncio.wait([self._committing])
            self._committing = None
        if self._consumer is not None:
            await self._commit(REQUEST_SECONDS)
        await self._leave()

    async def revoked(self) -> None:
        """Partitions are about to be dealt out anew: let what is at work finish, and forget the rest."""
        self._assigned.clear()
        deadline = asyncio.get_running_loop().time() + _FINISH_SECONDS
        while any(partition.open for partition in self._partitions.values()):
            self._changed.clear()
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, left))
            except TimeoutError:
                break
        await self._commit(_FINISH_SECONDS)
        self._partitions = {}

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        """These are ours from now on."""
        self._partitions = {partition: Partition() for partition in partitions}
        self._assigned.set()

    def _overdue(self, limit: int) -> list[Delivery]:
        now = asyncio.get_running_loop().time()
        found: list[Delivery] = []
        for partition in self._partitions.values():
            for delivery in partition.overdue(now, now + self.acknowledge_seconds):
                found.append(delivery)
                if len(found) == limit:
                    return found
        return found

    async def _new(self, limit: int, wait_seconds: float) -> list[Delivery]:
        assert self._consumer is not None
        self._hold_back(self._consumer)
        try:
            records = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=limit)
        except TROUBLE as error:  # the member's own tasks may have ended with it: join anew next time
            await self._leave()
            raise BusUnavailable(f"Kafka: {error!r}") from error
        return self._taken(records)

    def _taken(self, records: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> list[Delivery]:
        due = asyncio.get_running_loop().time() + self.acknowledge_seconds
        taken: list[Delivery] = []
        for at, found in records.items():
            partition = self._partitions.get(at)
            if partition is None:  # revoked meanwhile; its next member receives them
                continue
            if partition.end is not None and found[0].offset < partition.end:  # the topic was made anew
                partition = self._partitions[at] = Partition()
            for record in found:
                if record.value is not None and dict(record.headers).get("subject") in self._subjects:
                    taken.append(partition.take(record.value, record.offset, due))
                else:
                    partition.skip(record.offset)
                    self._changed.set()
        return taken

    def _hold_back(self, consumer: AIOKafkaConsumer) -> None:
        paused = consumer.paused()
        for at, partition in self._partitions.items():
            if (partition.ahead > _MOST_AHEAD) != (at in paused):
                with suppress(IllegalStateError):
                    (consumer.resume if at in paused else consumer.pause)(at)

    async def _commit_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self._commit(REQUEST_SECONDS):
                await asyncio.sleep(0.5)
                self._changed.set()

    async def _commit(self, seconds: float) -> bool:
        """Whether there is nothing left to try again."""
        consumer = self._consumer
        partitions = self._partitions
        changes = {
            at: p.position for at, p in partitions.items() if p.position != p.committed and p.position is not None
        }
        if consumer is None or not changes:
            return True
        try:
            await asyncio.wait_for(consumer.commit(changes), seconds)
        except (CommitFailedError, IllegalStateError) as error:  # they belong to another member by now
            logger.info("the group {} was dealt out anew before a commit: {!r}", self._group, error)
            return True
        except TROUBLE as error:
            logger.warning("the position of group {} can't be committed yet: {!r}", self._group, error)
            return False
        for at, position in changes.items():
            partitions[at].committed = position
        return True

    async def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        self._assigned.clear()
        self._partitions = {}
        if consumer is not None:
            with suppress(*TROUBLE):
                await asyncio.wait_for(consumer.stop(), REQUEST_SECONDS)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, subscription: KafkaSubscription) -> None:
        self._subscription = subscription

    async def on_partitions_revoked(self, revoked: Any) -> None:
        await self._subscription.revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self._subscription.assigned(assigned)


def _receipt(delivery: Delivery) -> Receipt:
    receipt: Receipt = delivery.receipt
    return receipt
