"""The router: pulls events from the bus and calls every consumer's handlers for them.

A batch is split by consumer and subject, across tenants. Each such group is one transaction (group.py), some at a time.
A message is acknowledged once every consumer of its subject has committed it or put it aside; a crash before that means
another delivery, which the inbox recognises.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from loguru import logger

from corebilling.events.envelope import CloudEvent
from corebilling.kernel.clock import Clock
from corebilling.platform.bus import metrics, undecodable
from corebilling.platform.bus.admission import Arrivals, Held
from corebilling.platform.bus.group import Group, Stopped
from corebilling.platform.bus.handlers import Consumer, Handler, Subscriptions
from corebilling.platform.bus.pace import backoff, every, pause
from corebilling.platform.bus.port import Bus, BusUnavailable, Delivery, Subscription
from corebilling.platform.bus.retries import Retries
from corebilling.platform.bus.wire import Undecodable, decode_event, decode_payload
from corebilling.platform.db import Database

BATCH = 500
_BATCHES_AT_ONCE = 2
_WAIT_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_GAUGE_SECONDS = 5.0

Route = tuple[Consumer[Any], Handler[Any]]


class Router:
    """One router; any number may run as members of the same consumer group."""

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        clock: Clock,
        consumers: Sequence[Consumer[Any]],
        durable: str = "billing-consumer",
        groups_at_once: int = 4,
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._consumers = tuple(consumers)
        self._subjects = Subscriptions(consumers).subjects
        self._durable = durable
        self._routes: dict[str, list[Route]] = {}
        for consumer in consumers:
            for subject, handler in consumer.subjects().items():
                self._routes.setdefault(subject, []).append((consumer, handler))
        self._places = asyncio.Semaphore(groups_at_once)
        self._arrivals = Arrivals()

    async def run(self, stopping: asyncio.Event) -> None:
        """Route until told to stop; then finish the groups at work."""
        if not self._subjects:
            logger.warning("no handler is registered: the router has nothing to do")
            await stopping.wait()
            return
        await self._bus.connect()
        group = Group(self._db, self._clock, stopping)
        retries = Retries(self._db, self._clock, self._consumers, group)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(every(_RETRY_SECONDS, stopping, retries.work), name="inbox-retries")
            tasks.create_task(self._pull(group, stopping), name="router-pull")

    async def _pull(self, group: Group, stopping: asyncio.Event) -> None:
        room = asyncio.Semaphore(_BATCHES_AT_ONCE)
        subscription = await self._join(stopping)
        failures = 0
        async with asyncio.TaskGroup() as batches:
            if subscription is None:
                return
            gauge = batches.create_task(every(_GAUGE_SECONDS, stopping, lambda: _measure(subscription)))
            while not stopping.is_set():
                await room.acquire()
                try:
                    deliveries = await subscription.fetch(BATCH, _WAIT_SECONDS)
                    failures = 0
                except BusUnavailable as error:
                    deliveries, failures = [], failures + 1
                    logger.warning("nothing can be pulled: {}", error)
                    await pause(stopping, backoff(failures, longest=2.0).total_seconds())
                if deliveries:
                    batches.create_task(self._work(group, subscription, deliveries, room), name="router-batch")
                else:
                    room.release()
            gauge.cancel()

    async def _join(self, stopping: asyncio.Event) -> Subscription | None:
        while not stopping.is_set():
            try:
                return await self._bus.consume(self._durable, self._subjects)
            except BusUnavailable as error:
                logger.warning("the consumer group can't be joined yet: {}", error)
                await pause(stopping, 1.0)
        return None

    async def _work(
        self, group: Group, subscription: Subscription, deliveries: Sequence[Delivery], room: asyncio.Semaphore
    ) -> None:
        """Settle one batch and acknowledge it, keeping the broker patient meanwhile."""
        open_ = _Open(subscription)
        patience = asyncio.create_task(open_.extend())
        try:
            groups = await self._sorted(group, deliveries, open_)
            async with asyncio.TaskGroup() as tasks:
                for (consumer, handler), members in groups:
                    tasks.create_task(self._group(group, consumer, handler, members, open_))
        except* Stopped:
            logger.info("stopping while events wait for better times; they will be delivered again")
        finally:
            patience.cancel()
            room.release()

    async def _group(
        self,
        group: Group,
        consumer: Consumer[Any],
        handler: Handler[Any],
        members: Sequence[tuple[Held, Delivery]],
        open_: "_Open",
    ) -> None:
        async with self._places:
            with suppress(Stopped):
                await group.handle(consumer, handler, [held for held, _ in members], self._arrivals)
                await open_.done([delivery for _, delivery in members])

    async def _sorted(
        self, group: Group, deliveries: Sequence[Delivery], open_: "_Open"
    ) -> list[tuple[Route, list[tuple[Held, Delivery]]]]:
        """The batch by consumer and subject. What can't be decoded goes to the dead letters at once."""
        members: dict[tuple[str, str], list[tuple[Held, Delivery]]] = defaultdict(list)
        chosen: dict[tuple[str, str], Route] = {}
        for delivery in deliveries:
            event, routes = None, list[Route]()
            try:
                event = decode_event(delivery.body)
                routes = self._routes_of(event)
                held = Held(decode_payload(event), delivery.body)
            except Undecodable as error:
                names = [consumer.name for consumer, _ in routes] or [undecodable.ROUTER]
                keep = partial(undecodable.keep, self._db, self._clock, delivery.body, event, names, error)
                await group.patiently(names[0], keep)
                await open_.nobody(delivery)
                continue
            if not routes:  # an older release subscribed to its subject, or it is replayed for a consumer that is gone
                await open_.nobody(delivery)
                continue
            open_.expect(delivery, len(routes))
            for route in routes:
                key = (route[0].name, event.type)
                chosen[key] = route
                members[key].append((held, delivery))
        return [(chosen[key], members[key]) for key in members]

    def _routes_of(self, event: CloudEvent) -> list[Route]:
        """Who gets an event: everybody who listens to its subject, or the one that it is replayed for."""
        routes = self._routes.get(event.type, [])
        return [route for route in routes if event.replayfor in (None, route[0].name)]


class _Open:
    """The messages of a batch not yet acknowledged, with the number of consumers still at work on each."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._left: dict[int, tuple[Delivery, int]] = {}

    def expect(self, delivery: Delivery, consumers: int) -> None:
        self._left[id(delivery)] = (delivery, consumers)

    async def nobody(self, delivery: Delivery) -> None:
        """No consumer has to be waited for."""
        await self._subscription.acknowledge([delivery])

    async def done(self, deliveries: Sequence[Delivery]) -> None:
        """One consumer is through with these."""
        finished = []
        for delivery in deliveries:
            left = self._left[id(delivery)][1] - 1
            self._left[id(delivery)] = (delivery, left)
            if left == 0:
                del self._left[id(delivery)]
                finished.append(delivery)
        await self._subscription.acknowledge(finished)

    async def extend(self) -> None:
        while True:
            await asyncio.sleep(self._subscription.acknowledge_seconds / 3)
            await self._subscription.extend([delivery for delivery, _ in self._left.values()])


async def _measure(subscription: Subscription) -> None:
    metrics.CONSUMER_LAG.set(await subscription.lag())
