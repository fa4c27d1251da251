"""The stream and the durable consumer on NATS: what they should be, making them so, and how far the consumer has come.

A role that connects makes what is missing and leaves alone what differs; `corebilling migrate` and `corebilling bus declare`
bring it to what the settings say.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loguru import logger
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from corebilling.platform.bus.port import BusUnavailable

ACKNOWLEDGE_SECONDS = 10.0
"""What a killed router held comes again after this long; one at work asks for more every third of it."""
_MAX_UNACKNOWLEDGED = 20_000
_DUPLICATE_SECONDS = 120.0

TROUBLE = (NatsError, JetStreamError, OSError, TimeoutError)
"""What the client raises when the server can't be asked or says no."""

DECLARE = "run `corebilling bus declare`"


@dataclass(frozen=True, slots=True)
class Topology:
    """A stream under its prefix of subjects. `max_age` is how long it keeps messages, `replicas` on how many servers."""

    stream: str
    prefix: str
    max_age: timedelta
    replicas: int
    acknowledge_seconds: float = ACKNOWLEDGE_SECONDS

    def wanted_stream(self) -> StreamConfig:
        """The stream as the settings want it. It refuses new messages when full: the outbox keeps them meanwhile."""
        return StreamConfig(
            name=self.stream,
            subjects=[f"{self.prefix}.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_age=self.max_age.total_seconds(),
            duplicate_window=min(_DUPLICATE_SECONDS, self.max_age.total_seconds()),
            num_replicas=self.replicas,
        )

    def wanted_consumer(self, durable: str, subjects: Sequence[str]) -> ConsumerConfig:
        """The consumer group as routers want it."""
        return ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.acknowledge_seconds,
            max_ack_pending=_MAX_UNACKNOWLEDGED,
            filter_subjects=[f"{self.prefix}.{subject}" for subject in subjects],
        )

    async def ensure_stream(self, js: JetStreamContext, *, was_there: bool) -> None:
        """Make the stream if it is missing. Raises BusUnavailable."""
        try:
            info = await stream_info(js, self.stream)
            if info is None:
                if was_there:
                    logger.error("stream {} was lost; the outbox publishes again what was not handled", self.stream)
                await js.add_stream(self.wanted_stream())
        except TROUBLE as error:
            raise BusUnavailable(f"the stream {self.stream} can't be declared: {error!r}") from error
        if info is not None and not was_there:
            for difference in self.differences(info.config):
                logger.warning("stream {}: {}; {}", self.stream, difference, DECLARE)

    async def largest_message(self, js: JetStreamContext) -> int:
        """Bytes that the stream takes as one message: operators may set less than their servers do. Raises BusUnavailable.

        The client never hears of a message that the stream refuses, so it must not be sent.
        """
        try:
            info = await stream_info(js, self.stream)
        except TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        limit = info.config.max_msg_size if info else None
        return limit if limit and limit > 0 else sys.maxsize

    async def declare(self, js: JetStreamContext, durable: str, subjects: Sequence[str]) -> list[str]:
        """Make or mend stream and consumer; a line for each change. Raises BusUnavailable.

        The subjects of a consumer that exists are its routers' business: each sets those of its own release as it joins.
        """
        done: list[str] = []
        try:
            info = await stream_info(js, self.stream)
            if info is None:
                await js.add_stream(self.wanted_stream())
                done.append(f"stream {self.stream} made")
            elif differences := self.differences(info.config):
                await js.update_stream(self._mended(info.config))
                done += [f"stream {self.stream} mended: {difference}" for difference in differences]
            if await consumer_info(js, self.stream, durable) is None:
                await js.add_consumer(self.stream, self.wanted_consumer(durable, subjects))
                done.append(f"consumer {durable} made")
        except TROUBLE as error:
            raise BusUnavailable(f"the stream {self.stream} can't be declared: {error!r}") from error
        return done

    def differences(self, config: StreamConfig) -> list[str]:
        """What of a stream isn't as it should be, in words."""
        wanted = self.wanted_stream()
        pairs: list[tuple[str, Any, Any]] = [
            ("subjects", config.subjects, wanted.subjects),
            ("retention", word(config.retention), word(wanted.retention)),
            ("storage", word(config.storage), word(wanted.storage)),
            ("discard", word(config.discard), word(wanted.discard)),
            ("max_age in seconds", config.max_age or 0, wanted.max_age),
            ("duplicate_window in seconds", config.duplicate_window, wanted.duplicate_window),
            ("replicas", config.num_replicas or 1, wanted.num_replicas),
        ]
        return [f"{name} is {there}, not {should}" for name, there, should in pairs if there != should]

    def _mended(self, config: StreamConfig) -> StreamConfig:
        """What an operator chose beside our settings (placement, compression, limits) stays."""
        wanted = self.wanted_stream()
        mended: StreamConfig = config.evolve(
            subjects=wanted.subjects,
            retention=wanted.retention,
            storage=wanted.storage,
            discard=wanted.discard,
            max_age=wanted.max_age,
            duplicate_window=wanted.duplicate_window,
            num_replicas=wanted.num_replicas,
        )
        return mended


async def stream_info(js: JetStreamContext, stream: str) -> StreamInfo | None:
    """The stream, or None if there is none. Raises what the client raises."""
    try:
        return await js.stream_info(stream)
    except NotFoundError:
        return None


async def consumer_info(js: JetStreamContext, stream: str, durable: str) -> ConsumerInfo | None:
    """The consumer, or None if there is none or no stream. Raises what the client raises."""
    try:
        info: ConsumerInfo = await js.consumer_info(stream, durable)
    except NotFoundError:
        return None
    return info


def unacknowledged(consumer: ConsumerInfo) -> int:
    """Messages that the group hasn't acknowledged, delivered or not."""
    return int(consumer.num_pending or 0) + int(consumer.num_ack_pending or 0)


async def oldest_unacknowledged(js: JetStreamContext, consumer: ConsumerInfo) -> datetime | None:
    """When the oldest message was stored that the group hasn't acknowledged; None if it has acknowledged all.

    Messages are asked for behind the consumer's floor, below which all are acknowledged.
    """
    if not unacknowledged(consumer):
        return None
    after = (consumer.ack_floor.stream_seq if consumer.ack_floor else 0) + 1
    config = consumer.config
    times = []
    for subject in config.filter_subjects or [config.filter_subject or ">"]:
        try:
            found = await js.get_msg(consumer.stream_name, seq=after, subject=subject, next=True)
        except NotFoundError:
            continue
        if found.time is not None:
            times.append(found.time)
    return min(times, default=None)


def word(value: Any) -> str:
    """An enum's value, which the client gives as text where the server sent it."""
    return str(getattr(value, "value", value))
