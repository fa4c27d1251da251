"""The stream and the durable consumer on NATS: what they should be, making them so, and how far the consumer has come.

A role that connects makes what is missing and leaves alone what differs; `corebilling migrate` and `corebilling bus declare`
bring it to what the settings say.
"""

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

from corebilling.platform.bus.port import BusUnavailable, Finding, Level

ACKNOWLEDGE_SECONDS = 10.0
"""What a killed router held comes again after this long; one at work asks for more every third of it."""
_MAX_UNACKNOWLEDGED = 20_000
_DUPLICATE_SECONDS = 120.0
_NEARLY_FULL = 0.8

TROUBLE = (NatsError, JetStreamError, OSError, TimeoutError)
"""What the client raises when the server can't be asked or says no."""

_DECLARE = "run `corebilling bus declare`"


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
            for difference in self._differences(info.config):
                logger.warning("stream {}: {}; {}", self.stream, difference, _DECLARE)

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
            elif differences := self._differences(info.config):
                await js.update_stream(self._mended(info.config))
                done += [f"stream {self.stream} mended: {difference}" for difference in differences]
            if await consumer_info(js, self.stream, durable) is None:
                await js.add_consumer(self.stream, self.wanted_consumer(durable, subjects))
                done.append(f"consumer {durable} made")
        except TROUBLE as error:
            raise BusUnavailable(f"the stream {self.stream} can't be declared: {error!r}") from error
        return done

    async def inspect(self, js: JetStreamContext, durable: str, subjects: Sequence[str]) -> list[Finding]:
        """What is there against what is wanted. Raises BusUnavailable."""
        try:
            info = await stream_info(js, self.stream)
            if info is None:
                return [Finding(Level.ERROR, f"there is no stream {self.stream}", _DECLARE)]
            consumer = await consumer_info(js, self.stream, durable)
        except TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        return [*self._stream_findings(info), *self._consumer_findings(durable, subjects, consumer)]

    def _stream_findings(self, info: StreamInfo) -> list[Finding]:
        found = [
            Finding(Level.ERROR, f"stream {self.stream}: {difference}", _DECLARE)
            for difference in self._differences(info.config)
        ]
        behind = [peer for peer in (info.cluster.replicas if info.cluster else None) or [] if not peer.current]
        for peer in behind:
            state = "is offline" if peer.offline else f"is {peer.lag or 0} messages behind"
            found.append(
                Finding(Level.WARNING, f"replica {peer.name} of stream {self.stream} {state}", "look at that server")
            )
        room = info.config.max_bytes
        if room and room > 0 and info.state.bytes > _NEARLY_FULL * room:
            found.append(
                Finding(
                    Level.WARNING,
                    f"stream {self.stream} holds {info.state.bytes} of {room} bytes",
                    "raise its max_bytes; a full stream refuses events and they wait in the outbox",
                )
            )
        summary = f"stream {self.stream}: {info.state.messages} messages, {info.config.num_replicas or 1} replicas"
        return found or [Finding(Level.OK, summary)]

    def _consumer_findings(self, durable: str, subjects: Sequence[str], consumer: ConsumerInfo | None) -> list[Finding]:
        if consumer is None:
            return [Finding(Level.ERROR, f"there is no consumer {durable} on stream {self.stream}", _DECLARE)]
        found = []
        if consumer.paused:
            found.append(Finding(Level.ERROR, f"consumer {durable} is paused", "resume it: `nats consumer resume`"))
        if _word(consumer.config.ack_policy) != AckPolicy.EXPLICIT.value:
            found.append(
                Finding(Level.ERROR, f"consumer {durable} doesn't acknowledge one by one", "delete it; routers make it")
            )
        wanted = {f"{self.prefix}.{subject}" for subject in subjects}
        there = set(consumer.config.filter_subjects or [consumer.config.filter_subject or f"{self.prefix}.>"])
        missing = [] if f"{self.prefix}.>" in there else sorted(wanted - there)
        if missing:
            found.append(
                Finding(
                    Level.WARNING,
                    f"consumer {durable} leaves out {', '.join(missing)}",
                    "routers of this release add them when they join: start one",
                )
            )
        return found or [Finding(Level.OK, f"consumer {durable}: {unacknowledged(consumer)} not acknowledged")]

    def _differences(self, config: StreamConfig) -> list[str]:
        wanted = self.wanted_stream()
        pairs: list[tuple[str, Any, Any]] = [
            ("subjects", config.subjects, wanted.subjects),
            ("retention", _word(config.retention), _word(wanted.retention)),
            ("storage", _word(config.storage), _word(wanted.storage)),
            ("discard", _word(config.discard), _word(wanted.discard)),
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


def _word(value: Any) -> str:
    return str(getattr(value, "value", value))
