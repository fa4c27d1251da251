"""The messages that a router has taken from the bus and not yet acknowledged: their number is bounded.

Counted are messages, not batches: while one slow group holds a few, the room that the others of its batch left is filled.
"""

import asyncio
from collections.abc import Sequence

from corebilling.platform.bus import metrics
from corebilling.platform.bus.port import Delivery, Subscription


class Custody:
    """At most `limit` messages, with the number of consumers still at work on each."""

    def __init__(self, subscription: Subscription, limit: int, batch_size: int) -> None:
        self._subscription = subscription
        self._limit = limit
        self._batch_size = batch_size
        self._worthwhile = max(1, min(batch_size, limit) // 2)
        self._left: dict[int, tuple[Delivery, int]] = {}
        self._freed = asyncio.Event()

    async def room(self) -> int:
        """How many may be fetched now. Waits until it is half a batch: single messages are dear."""
        while self._limit - len(self._left) < self._worthwhile:
            self._freed.clear()
            await self._freed.wait()
        return min(self._batch_size, self._limit - len(self._left))

    def take(self, delivery: Delivery, consumers: int) -> None:
        """Keep a message until as many consumers are through with it."""
        self._left[id(delivery)] = (delivery, consumers)
        metrics.ROUTER_IN_FLIGHT.set(len(self._left))

    async def done(self, deliveries: Sequence[Delivery]) -> None:
        """One consumer has committed these, or put them aside."""
        finished = []
        for delivery in deliveries:
            _, left = self._left.get(id(delivery), (delivery, 0))
            if left:  # else another consumer of it has abandoned it
                self._left[id(delivery)] = (delivery, left - 1)
            if left == 1:
                finished.append(delivery)
        await self._subscription.acknowledge(finished)
        self.abandon(finished)

    async def nobody(self, delivery: Delivery) -> None:
        """No consumer has to be waited for."""
        await self._subscription.acknowledge([delivery])

    def abandon(self, deliveries: Sequence[Delivery]) -> None:
        """Keep these no longer; those not acknowledged will be delivered again."""
        for delivery in deliveries:
            self._left.pop(id(delivery), None)
        metrics.ROUTER_IN_FLIGHT.set(len(self._left))
        self._freed.set()

    async def extend(self) -> None:
        """Keep the broker patient with what is still worked on, for ever."""
        while True:
            await asyncio.sleep(self._subscription.acknowledge_seconds / 3)
            await self._subscription.extend([delivery for delivery, _ in self._left.values()])
