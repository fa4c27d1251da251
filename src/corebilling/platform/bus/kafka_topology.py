"""The topic and its groups: what is there, what is wanted, and how far a group is.

A partition's retained messages are what lies between its first and its last offset; a group that never came so far
stands before the first. Publish times are the brokers' own (LogAppendTime), so that they never run backwards in a partition.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
    for_code,
)
from loguru import logger

from corebilling.platform.bus.kafka_connection import REQUEST_SECONDS, TROUBLE, Clients
from corebilling.platform.bus.port import BusUnavailable

_PATIENCE_SECONDS = 5.0
"""A cluster needs seconds to make the topic that keeps groups' positions, or to choose other leaders."""
_ATTEMPTS_TO_SEE = 20
_BROKERS_TO_ASK = 3
"""Brokers learn of a new topic one after another, and any of them answers."""
_ATTEMPT_SECONDS = 0.1
_SMALLEST_MESSAGE_LIMIT = 1_048_576
_TOPICS_OWN = 1
"""Where a setting comes from, as the brokers number it: the topic's own, rather than a broker's or the default."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The topic as configured."""

    topic: str
    partitions: int
    replication: int
    max_age: timedelta

    @property
    def settings(self) -> dict[str, str]:
        """The topic's own settings. A write needs a majority of its replicas."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(int(self.max_age.total_seconds() * 1000)),
            "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(max(1, (self.replication + 1) // 2)),
        }


@dataclass(frozen=True, slots=True)
class Partitions:
    """A topic as it is: replicas and replicas in step by partition."""

    replicas: Mapping[int, Sequence[int]]
    in_step: Mapping[int, Sequence[int]]


class Topology:
    """Asks and changes one topic through clients of its own."""

    def __init__(self, clients: Clients, wanted: Wanted) -> None:
        self._clients = clients
        self.wanted = wanted
        self.topic = wanted.topic
        self._observer: AIOKafkaClient | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None

    async def open(self) -> None:
        """Connect. Raises what TROUBLE names."""
        self._observer, self._admin = self._clients.observer(), self._clients.admin()
        self._reader = await self._clients.reader()
        await self._observer.bootstrap()
        await self._admin.start()
        await self._reader.start()

    async def close(self) -> None:
        """Disconnect."""
        observer, admin, reader = self._observer, self._admin, self._reader
        self._observer = self._admin = self._reader = None
        for end in (observer and observer.close, admin and admin.close, reader and reader.stop):
            if end is not None:
                with suppress(*TROUBLE):
                    await asyncio.wait_for(end(), REQUEST_SECONDS)

    async def answers(self) -> bool:
        """Whether any broker answers now. Raises what TROUBLE names."""
        if self._observer is None:
            return False
        return bool(await asyncio.wait_for(self._observer.force_metadata_update(), 2 * REQUEST_SECONDS))

    async def partitions(self) -> Partitions | None:
        """The topic as it is, None if it doesn't exist. Raises BusUnavailable."""

        async def ask() -> Any:
            described = (await self._connected().describe_topics([self.topic]))[0]
            if for_code(described["error_code"]) is not UnknownTopicOrPartitionError:
                _check(described["error_code"])
            return described["partitions"]

        for _ in range(_BROKERS_TO_ASK):
            if found := await self._asked(ask):
                break
            await asyncio.sleep(_ATTEMPT_SECONDS)
        else:
            return None
        return Partitions(
            {p["partition"]: p["replicas"] for p in found},
            {p["partition"]: p["isr"] for p in found},
        )

    async def settings(self) -> dict[str, tuple[str, bool]]:
        """The topic's settings as they are: value, and whether it is the topic's own. Raises BusUnavailable."""
        resource = ConfigResource(ConfigResourceType.TOPIC, self.topic)

        async def ask() -> Any:
            answer = (await self._connected().describe_configs([resource]))[0].resources[0]
            _check(*answer[:2])
            return answer[-1]

        entries = await self._asked(ask)
        return {entry[0]: (entry[1] or "", entry[3] == _TOPICS_OWN) for entry in entries}

    async def make_topic(self) -> bool:
        """Whether the topic was missing; it is there afterwards. Raises BusUnavailable."""
        if await self.partitions() is not None:
            return False
        want = self.wanted
        new = NewTopic(self.topic, want.partitions, want.replication, topic_configs=want.settings)

        async def make() -> bool:
            _, code, message = (await self._connected().create_topics([new])).topic_errors[0][:3]
            if for_code(code) is not TopicAlreadyExistsError:
                _check(code, message)
            return for_code(code) is NoError

        made = bool(await self._asked(make))
        for _ in range(_ATTEMPTS_TO_SEE):
            if await self.partitions() is not None:
                return made
        raise BusUnavailable(f"the topic {self.topic} was made, and isn't to be seen yet")

    async def mend_topic(self) -> list[str]:
        """Bring an existing topic to what is wanted; a line for each change. Raises BusUnavailable."""
        changes: list[str] = []
        present = await self.settings()
        wrong = {k: v for k, v in self.wanted.settings.items() if present.get(k, ("", False))[0] != v}
        if wrong:
            own = {name: value for name, (value, is_own) in present.items() if is_own}
            resource = ConfigResource(ConfigResourceType.TOPIC, self.topic, own | wrong)  # what isn't named is reset

            async def change() -> None:
                _check(*(await self._connected().alter_configs([resource]))[0].resources[0][:2])

            await self._asked(change)
            changes += [f"topic {self.topic}: {name} is now {value}" for name, value in sorted(wrong.items())]
        there = await self.partitions()
        count = len(there.replicas) if there else 0
        if 0 < count < self.wanted.partitions:
            more = {self.topic: NewPartitions(self.wanted.partitions)}
            await self._asked(lambda: self._connected().create_partitions(more))
            changes.append(f"topic {self.topic}: {self.wanted.partitions} partitions instead of {count}")
        return changes

    async def make_group(self, group: str) -> bool:
        """Whether the group was missing; it stands at the topic's beginning then. Raises BusUnavailable."""
        if await self.committed(group):
            return False
        try:
            first, _ = await self._bounds()
            reader = await self._clients.reader(group)
            try:
                async with asyncio.timeout(2 * REQUEST_SECONDS):
                    await reader.start()
                    reader.assign(list(first))
                    await reader.commit(first)
            finally:
                with suppress(*TROUBLE):
                    await asyncio.wait_for(reader.stop(), REQUEST_SECONDS)
        except TROUBLE as error:
            if isinstance(error.__cause__, UnknownMemberIdError):
                return False  # the group has members: they commit what they handle
            raise BusUnavailable(f"the group {group} can't be made: {error!r}") from error
        return True

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """Where the group stands by partition, as far as it has said so. Raises BusUnavailable."""
        offsets = await self._asked(lambda: self._connected().list_consumer_group_offsets(group))
        return {at: found.offset for at, found in offsets.items() if at.topic == self.topic and found.offset >= 0}

    async def backlog(self, group: str) -> int | None:
        """Messages not before the group's positions; None without such a group. Raises BusUnavailable."""
        committed = await self.committed(group)  # first: what is published meanwhile counts
        if not committed and not await self._has_members(group):
            return None
        first, last = await self._bounds()
        return sum(last[at] - min(last[at], max(first[at], committed.get(at, 0))) for at in last)

    async def has_handled(self, group: str, before: datetime) -> bool:
        """Whether the group's positions are past everything published before. Raises BusUnavailable."""
        first, last = await self._bounds()
        milliseconds = int(before.timestamp() * 1000)
        reader = self._reading()
        try:
            found = await reader.offsets_for_times(dict.fromkeys(last, milliseconds))
        except TROUBLE as error:
            raise BusUnavailable(f"Kafka: {error!r}") from error
        committed = await self.committed(group)
        if not committed and not await self._has_members(group):
            return False
        upto = {at: found[at].offset if found.get(at) is not None else last[at] for at in last}
        return all(max(first[at], committed.get(at, 0)) >= upto[at] for at in upto)

    async def largest_message(self) -> int:
        """Bytes that the topic takes as one message, or batch of messages. Raises BusUnavailable."""
        try:
            value = (await self.settings()).get("max.message.bytes", ("", False))[0]
        except BusUnavailable as error:  # reading settings is a right of its own
            logger.info("{}; messages up to {} bytes are assumed to be fine", error, _SMALLEST_MESSAGE_LIMIT)
            value = ""
        return int(value or _SMALLEST_MESSAGE_LIMIT)

    async def _has_members(self, group: str) -> bool:
        """Whether there is such a group although it has no position: its topic was lost and made anew."""
        found = (await self._asked(lambda: self._connected().describe_consumer_groups([group])))[0].groups[0]
        return bool(found[2] not in ("Dead", "Empty"))

    async def _bounds(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """The first and the next offset of each partition. Raises BusUnavailable."""
        there = await self.partitions()
        if there is None:
            raise BusUnavailable(f"the topic {self.topic} doesn't exist; run: corebilling bus declare")
        ats = [TopicPartition(self.topic, partition) for partition in there.replicas]
        reader = self._reading()
        try:
            return await reader.beginning_offsets(ats), await reader.end_offsets(ats)
        except TROUBLE as error:
            raise BusUnavailable(f"Kafka: {error!r}") from error

    async def _asked(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """An answer, where need be from another broker than the first, or later. Raises BusUnavailable."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + _PATIENCE_SECONDS
        while True:
            try:
                return await asyncio.wait_for(ask(), REQUEST_SECONDS)
            except TROUBLE as error:
                if clock() > deadline or (isinstance(error, KafkaError) and not error.retriable):
                    raise BusUnavailable(f"Kafka: {error!r}") from error
            await asyncio.sleep(_ATTEMPT_SECONDS)

    def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            raise BusUnavailable("Kafka is not connected")
        return self._admin

    def _reading(self) -> AIOKafkaConsumer:
        if self._reader is None:
            raise BusUnavailable("Kafka is not connected")
        return self._reader


def _check(code: int, message: str | None = None) -> None:
    """Raise the KafkaError that a broker's answer means, if it means one."""
    error = for_code(code)
    if error is not NoError:
        raise error(message or "")
