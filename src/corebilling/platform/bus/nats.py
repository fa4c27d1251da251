"""The bus on NATS JetStream.

FastStream connects and describes the stream; publishing with asynchronous acknowledgements and the pull subscription are
nats-py's own, because FastStream's consuming loop holds messages for seconds and loses batches by default
(docs/adr/0004). Acknowledged messages are not synced to disk one by one: the outbox can publish them again.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from faststream.nats import NatsBroker
from loguru import logger
from nats.aio.client import Client
from nats.js import JetStreamContext

from corebilling.kernel.errors import Invalid
from corebilling.platform.bus.nats_access import NatsAccess
from corebilling.platform.bus.nats_findings import examine
from corebilling.platform.bus.nats_publishing import publish_in_waves
from corebilling.platform.bus.nats_subscription import NatsSubscription
from corebilling.platform.bus.nats_topology import (
    ACKNOWLEDGE_SECONDS,
    TROUBLE,
    Topology,
    consumer_info,
    oldest_unacknowledged,
    unacknowledged,
)
from corebilling.platform.bus.port import (
    BusUnavailable,
    Finding,
    Outcome,
    OutgoingMessage,
    PublishResult,
)

_PUBLISH_WINDOW = 4000
_HEADER_ROOM = 1024
_NO_SECRETS = NatsAccess()


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
        access: NatsAccess = _NO_SECRETS,
        acknowledge_seconds: float = ACKNOWLEDGE_SECONDS,
    ) -> None:
        self._servers = [server.strip() for server in url.split(",")]
        self._access = access
        self.topology = Topology(stream, prefix, max_age, replicas, acknowledge_seconds)
        self._connecting = asyncio.Lock()
        self._broker: NatsBroker | None = None
        self._nc: Client | None = None
        self._js: JetStreamContext | None = None
        self._largest: int | None = None
        """Bytes of a message that server and stream take; asked for again after trouble, which may come from a new limit."""

    async def connect(self, *, declare: bool = True) -> None:
        async with self._connecting:
            if self._js is not None:
                return
            if self._nc is None:
                self._nc = await self._connect_client()
            js = self._nc.jetstream(publish_async_max_pending=_PUBLISH_WINDOW)
            if declare:
                await self._ensure_at_last(js)
            self._js = js

    async def _connect_client(self) -> Client:
        encrypted = self._access.wants_tls(self._servers)
        security = self._access.security(encrypted=encrypted)
        await self._wait_for_port(encrypted=encrypted)
        self._broker = NatsBroker(
            self._servers, max_reconnect_attempts=-1, reconnect_time_wait=1, ping_interval=10, logger=None,
            error_cb=_note_error, pending_size=64 * 1024 * 1024, security=security,
        )  # fmt: skip
        return await self._broker.connect()

    async def _ensure_at_last(self, js: JetStreamContext) -> None:
        """A cluster takes connections before it has a leader that makes streams."""
        told = False
        while True:
            try:
                return await self.topology.ensure_stream(js, was_there=False)
            except BusUnavailable as error:
                if not told:
                    logger.warning("{}; trying again until it can", error)
                    told = True
            await asyncio.sleep(0.5)

    @property
    def is_connected(self) -> bool:
        return self._js is not None and self._nc is not None and self._nc.is_connected

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.topology.stream

    async def publish(self, messages: Sequence[OutgoingMessage]) -> Sequence[PublishResult]:
        nc, js = self._connected()
        if self._largest is None:
            self._largest = min(nc.max_payload, await self.topology.largest_message(js)) - _HEADER_ROOM
        results, stream_is_gone = await publish_in_waves(js, self.topology.prefix, messages, self._largest)
        if any(result.outcome is Outcome.UNKNOWN for result in results):
            self._largest = None
        if stream_is_gone:
            await self.ensure_stream()
        return results

    async def consume(self, durable: str, subjects: Sequence[str]) -> NatsSubscription:
        _, js = self._connected()
        subscription = NatsSubscription(self, js, self.topology, durable, subjects)
        await subscription.join()
        return subscription

    async def declare(self, durable: str, subjects: Sequence[str]) -> Sequence[str]:
        _, js = self._connected()
        return await self.topology.declare(js, durable, subjects)

    async def inspect(self, durable: str, subjects: Sequence[str]) -> Sequence[Finding]:
        _, js = self._connected()
        return await examine(self.topology, js, durable, subjects)

    async def backlog(self, durable: str) -> int | None:
        _, js = self._connected()
        try:
            info = await consumer_info(js, self.stream, durable)
        except TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        return None if info is None else unacknowledged(info)

    async def has_handled(self, durable: str, before: datetime) -> bool:
        _, js = self._connected()
        try:
            info = await consumer_info(js, self.stream, durable)
            oldest = None if info is None else await oldest_unacknowledged(js, info)
        except TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        return info is not None and (oldest is None or oldest >= before)

    async def close(self) -> None:
        if self._nc is not None:
            with suppress(*TROUBLE):  # everything was awaited; draining would only wait for idle subscriptions
                await self._nc.flush(timeout=2)
            await self._nc.close()
        self._broker = self._nc = self._js = None

    def _connected(self) -> tuple[Client, JetStreamContext]:
        if self._nc is None or self._js is None or not self._nc.is_connected:
            raise BusUnavailable("NATS is not connected; reconnecting goes on")
        return self._nc, self._js

    async def ensure_stream(self) -> None:
        """Declare the stream again where it was lost, or is between two leaders. Raises BusUnavailable."""
        _, js = self._connected()
        await self.topology.ensure_stream(js, was_there=True)

    async def _wait_for_port(self, *, encrypted: bool) -> None:
        """A refused first connection makes nats-py wait for seconds, so knock first.

        It also would tell its password to a server that doesn't encrypt. Raises Invalid for one.
        """
        told = False
        while True:
            for server in self._servers:
                try:
                    greeting = await asyncio.wait_for(_greeting(server), timeout=2.0)
                except (OSError, TimeoutError, ValueError):
                    continue
                if encrypted and not greeting.get("tls_required"):
                    raise Invalid(
                        f"{urlsplit(server).hostname} doesn't encrypt: turn TLS on there, or unset NATS_TLS_CA",
                        code="nats_tls",
                    )
                return
            if not told:
                logger.warning("NATS doesn't answer yet; waiting for it")
                told = True
            await asyncio.sleep(0.1)


async def _greeting(server: str) -> dict[str, Any]:
    """What a server says of itself to whoever connects. Raises OSError, or ValueError where it isn't NATS."""
    parts = urlsplit(server if "://" in server else f"nats://{server}")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 4222)
    try:
        word, _, rest = (await reader.readline()).partition(b" ")
    finally:
        writer.close()
    if word != b"INFO":
        raise ValueError("no NATS server")
    said: dict[str, Any] = json.loads(rest)
    return said


async def _note_error(error: Exception) -> None:
    logger.warning("NATS: {!r}", error)
