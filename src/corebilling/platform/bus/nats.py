"""The bus on NATS JetStream.

FastStream connects and describes the stream; publishing with asynchronous acknowledgements and the pull subscription are
nats-py's own, because FastStream's consuming loop holds messages for seconds and loses batches by default
(docs/adr/0004). Acknowledged messages are not synced to disk one by one: the outbox can publish them again.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from faststream.nats import JStream, NatsBroker
from loguru import logger
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, Header, StorageType
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError
from nats.js.errors import Error as JetStreamError

from corebilling.platform.bus.port import (
    ACKNOWLEDGED,
    BusUnavailable,
    Delivery,
    Outcome,
    OutgoingMessage,
    PublishResult,
)

ACKNOWLEDGE_SECONDS = 10.0
"""What a killed router held comes again after this long; one at work asks for more every third of it."""
_MAX_UNACKNOWLEDGED = 20_000
_PUBLISH_WINDOW = 4000
_ANSWER_SECONDS = 5.0
_HEADER_ROOM = 1024
_MESSAGES_A_WRITE = 100
"""nats-py writes to the socket whenever it gets a turn: one write for each message costs half of the throughput."""
_HELD_BACK = PublishResult(Outcome.HELD_BACK, "waits behind an earlier message of its resource")

_TROUBLE = (NatsError, JetStreamError, OSError, TimeoutError)


class NatsBus:
    """A connection that never gives up reconnecting. `url` may name several servers, separated by commas.

    `max_age` is to be at least the outbox's retention: a consumer that was away finds everything still there.
    """

    def __init__(
        self,
        url: str,
        *,
        stream: str = "BILLING_EVENTS",
        prefix: str = "billing",
        max_age: timedelta = timedelta(days=14),
        replicas: int = 1,
    ) -> None:
        self._servers = [server.strip() for server in url.split(",")]
        self.stream = stream
        self.prefix = prefix
        self._declaration = JStream(
            stream,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_age=max_age.total_seconds(),
            duplicate_window=120.0,
            num_replicas=replicas,
        )
        self._connecting = asyncio.Lock()
        self._broker: NatsBroker | None = None
        self._nc: Client | None = None
        self._js: JetStreamContext | None = None

    async def connect(self) -> None:
        async with self._connecting:
            if self._js is not None:
                return
            await self._wait_for_port()
            self._broker = NatsBroker(
                self._servers, max_reconnect_attempts=-1, reconnect_time_wait=1, ping_interval=10, logger=None,
                error_cb=_note_error, pending_size=64 * 1024 * 1024,
            )  # fmt: skip
            self._nc = await self._broker.connect()
            js = self._nc.jetstream(publish_async_max_pending=_PUBLISH_WINDOW)
            await self._declare(js)
            self._js = js

    @property
    def is_connected(self) -> bool:
        return self._nc is not None and self._nc.is_connected

    async def publish(self, messages: Sequence[OutgoingMessage]) -> Sequence[PublishResult]:
        nc, js = self._connected()
        largest = nc.max_payload - _HEADER_ROOM
        answers: list[asyncio.Future[Any] | PublishResult] = []
        refused_keys: set[UUID] = set()
        for sent, message in enumerate(messages, 1):
            if sent % _MESSAGES_A_WRITE == 0:
                await asyncio.sleep(0)
            if message.key in refused_keys:
                answers.append(_HELD_BACK)
                continue
            if len(message.body) > largest:
                answers.append(_refused(f"{len(message.body)} bytes; the bus takes at most {largest}"))
                refused_keys.add(message.key)
                continue
            try:
                answers.append(
                    await js.publish_async(
                        f"{self.prefix}.{message.subject}",
                        message.body,
                        headers={Header.MSG_ID: message.id},
                    )
                )
            except _TROUBLE as error:
                answers.append(_unknown(error))
                break  # what follows must not overtake it
        pending = [answer for answer in answers if isinstance(answer, asyncio.Future)]
        if pending:
            await asyncio.wait(pending, timeout=_ANSWER_SECONDS)
        results = [_result(answer) for answer in answers]
        if any(isinstance(a, asyncio.Future) and a.done() and _stream_is_gone(a) for a in pending):
            await self.ensure_stream()
        return results + [_unknown("not sent")] * (len(messages) - len(results))

    async def consume(self, durable: str, subjects: Sequence[str]) -> "NatsSubscription":
        _, js = self._connected()
        subscription = NatsSubscription(self, js, durable, [f"{self.prefix}.{subject}" for subject in subjects])
        await subscription.join()
        return subscription

    async def backlog(self, durable: str) -> int | None:
        _, js = self._connected()
        try:
            return int((await js.consumer_info(self.stream, durable)).num_pending or 0)
        except NotFoundError:
            return None
        except _TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error

    async def close(self) -> None:
        if self._nc is not None:
            with suppress(*_TROUBLE):  # everything was awaited; draining would only wait for idle subscriptions
                await self._nc.flush(timeout=2)
            await self._nc.close()
        self._broker = self._nc = self._js = None

    def _connected(self) -> tuple[Client, JetStreamContext]:
        if self._nc is None or self._js is None or not self._nc.is_connected:
            raise BusUnavailable("NATS is not connected; reconnecting goes on")
        return self._nc, self._js

    async def _declare(self, js: JetStreamContext) -> None:
        """Make the stream, or bring an existing one to what is wanted. Raises BusUnavailable."""
        config = self._declaration.config
        config.subjects = [f"{self.prefix}.>"]  # FastStream keeps those it was given apart from the configuration
        try:
            try:
                await js.stream_info(self.stream)
            except NotFoundError:
                if self._js is not None:
                    logger.error("stream {} was lost; the outbox publishes again what was not handled", self.stream)
                await js.add_stream(config)
            else:
                await js.update_stream(config)
        except _TROUBLE as error:
            raise BusUnavailable(f"the stream {self.stream} can't be declared: {error!r}") from error

    async def ensure_stream(self) -> None:
        """Declare the stream again where it was lost, or is between two leaders. Raises BusUnavailable."""
        _, js = self._connected()
        await self._declare(js)

    async def _wait_for_port(self) -> None:
        """A refused first connection makes nats-py wait for seconds, so knock first."""
        told = False
        while True:
            for server in self._servers:
                parts = urlsplit(server if "://" in server else f"nats://{server}")
                try:
                    _, writer = await asyncio.wait_for(
                        asyncio.open_connection(parts.hostname, parts.port or 4222), timeout=2.0
                    )
                except (OSError, TimeoutError):
                    continue
                writer.close()
                return
            if not told:
                logger.warning("NATS doesn't answer yet; waiting for it")
                told = True
            await asyncio.sleep(0.1)


class NatsSubscription:
    """A durable pull consumer."""

    acknowledge_seconds = ACKNOWLEDGE_SECONDS

    def __init__(self, bus: NatsBus, js: JetStreamContext, durable: str, subjects: list[str]) -> None:
        self._bus = bus
        self._js = js
        self._durable = durable
        self._subjects = subjects
        self._pull: JetStreamContext.PullSubscription | None = None

    async def join(self) -> None:
        """Declare the consumer with its present subjects and subscribe to it. Raises BusUnavailable."""
        config = ConsumerConfig(
            durable_name=self._durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACKNOWLEDGE_SECONDS,
            max_ack_pending=_MAX_UNACKNOWLEDGED,
            filter_subjects=self._subjects,
        )
        try:
            await self._bus.ensure_stream()
            await self._js.add_consumer(self._bus.stream, config)
            if self._pull is None:
                self._pull = await self._js.pull_subscribe_bind(durable=self._durable, stream=self._bus.stream)
        except _TROUBLE as error:
            raise BusUnavailable(f"the consumer {self._durable} can't be declared: {error!r}") from error

    async def fetch(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        if not self._bus.is_connected or self._pull is None:
            raise BusUnavailable("NATS is not connected; reconnecting goes on")
        try:
            messages = await self._pull.fetch(limit, timeout=wait_seconds)
        except TimeoutError:
            return []
        except (NoStreamResponseError, APIError):
            await self.join()
            return []
        except _TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        return [Delivery(message.data, message) for message in messages]

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        with suppress(*_TROUBLE):
            for delivery in deliveries:
                await _message(delivery).ack()

    async def extend(self, deliveries: Sequence[Delivery]) -> None:
        with suppress(*_TROUBLE):
            for delivery in deliveries:
                await _message(delivery).in_progress()

    async def lag(self) -> int:
        try:
            info = await self._js.consumer_info(self._bus.stream, self._durable)
        except _TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        return int(info.num_pending or 0) + int(info.num_ack_pending or 0)


def _message(delivery: Delivery) -> Msg:
    message: Msg = delivery.receipt
    return message


def _result(answer: "asyncio.Future[Any] | PublishResult") -> PublishResult:
    if isinstance(answer, PublishResult):
        return answer
    if not answer.done():
        answer.cancel()
        return _unknown("no acknowledgement in time")
    error = answer.exception()
    return ACKNOWLEDGED if error is None else _unknown(error)


def _stream_is_gone(answer: "asyncio.Future[Any]") -> bool:
    return not answer.cancelled() and isinstance(answer.exception(), NoStreamResponseError)


def _refused(error: str) -> PublishResult:
    return PublishResult(Outcome.REFUSED, error)


def _unknown(error: object) -> PublishResult:
    return PublishResult(Outcome.UNKNOWN, error if isinstance(error, str) else repr(error))


async def _note_error(error: Exception) -> None:
    logger.warning("NATS: {!r}", error)
