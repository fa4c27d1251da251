"""A router's place in the durable pull consumer on NATS."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError

from corebilling.platform.bus.nats_topology import TROUBLE, Topology, unacknowledged
from corebilling.platform.bus.port import BusUnavailable, Delivery


class Connection(Protocol):
    """What a subscription asks of its bus."""

    @property
    def is_connected(self) -> bool:
        """Whether the servers answer."""
        ...

    async def ensure_stream(self) -> None:
        """Declare the stream again where it was lost. Raises BusUnavailable."""
        ...


class NatsSubscription:
    """A durable pull consumer."""

    def __init__(
        self, connection: Connection, js: JetStreamContext, topology: Topology, durable: str, subjects: Sequence[str]
    ) -> None:
        self._connection = connection
        self._js = js
        self._topology = topology
        self._durable = durable
        self._subjects = subjects
        self._pull: JetStreamContext.PullSubscription | None = None

    @property
    def acknowledge_seconds(self) -> float:
        return self._topology.acknowledge_seconds

    async def join(self) -> None:
        """Declare the consumer with its present subjects and subscribe to it. Raises BusUnavailable."""
        stream = self._topology.stream
        try:
            await self._connection.ensure_stream()
            await self._js.add_consumer(stream, self._topology.wanted_consumer(self._durable, self._subjects))
            if self._pull is None:
                self._pull = await self._js.pull_subscribe_bind(durable=self._durable, stream=stream)
        except TROUBLE as error:
            raise BusUnavailable(f"the consumer {self._durable} can't be declared: {error!r}") from error

    async def fetch(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        if not self._connection.is_connected or self._pull is None:
            raise BusUnavailable("NATS is not connected; reconnecting goes on")
        try:
            messages = await self._pull.fetch(limit, timeout=wait_seconds)
        except TimeoutError:
            return []
        except (NoStreamResponseError, APIError):
            await self.join()
            return []
        except TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        return [Delivery(message.data, message) for message in messages]

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        with suppress(*TROUBLE):
            for delivery in deliveries:
                await _message(delivery).ack()

    async def extend(self, deliveries: Sequence[Delivery]) -> None:
        with suppress(*TROUBLE):
            for delivery in deliveries:
                await _message(delivery).in_progress()

    async def lag(self) -> int:
        try:
            info = await self._js.consumer_info(self._topology.stream, self._durable)
        except TROUBLE as error:
            raise BusUnavailable(f"NATS: {error!r}") from error
        return unacknowledged(info)


def _message(delivery: Delivery) -> Msg:
    message: Msg = delivery.receipt
    return message
