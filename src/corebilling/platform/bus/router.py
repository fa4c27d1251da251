"""The router: pulls events from the bus and calls every consumer's handlers for them.

What is pulled is split by consumer and subject, across tenants, into lanes (lanes.py); each group of a lane is one transaction
(group.py), some at a time. A message is acknowledged once every consumer of its subject has committed it or put it aside; a
crash before that means another delivery, which the inbox recognises. No more is pulled than is being worked on (custody.py).
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.platform.bus import metrics, undecodable
from corebilling.platform.bus.admission import Arrivals, Held
from corebilling.platform.bus.custody import Custody
from corebilling.platform.bus.group import Group, Stopped
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.bus.lanes import Lanes, Member
from corebilling.platform.bus.pace import backoff, every, pause
from corebilling.platform.bus.port import Bus, BusUnavailable, Delivery, Subscription
from corebilling.platform.bus.retries import Retries
from corebilling.platform.bus.routes import Route, Routes
from corebilling.platform.bus.wire import Undecodable, decode_event, decode_payload
from corebilling.platform.db import Database

_WAIT_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_GAUGE_SECONDS = 5.0


class Router:
    """One router; any number may run as members of the same consumer group.

    It holds at most `messages_in_flight`, pulled and handled `batch_size` at a time, in `groups_at_once` transactions of which one
    consumer's subject gets at most `groups_per_subject`.
    """

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        clock: Clock,
        consumers: Sequence[Consumer[Any]],
        durable: str = "billing-consumer",
        batch_size: int = 500,
        messages_in_flight: int = 1000,
        groups_at_once: int = 4,
        groups_per_subject: int = 2,
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._consumers = tuple(consumers)
        self._routes = Routes(consumers)
        self._durable = durable
        self._batch_size = batch_size
        self._messages_in_flight = messages_in_flight
        self._groups_at_once = groups_at_once
        self._groups_per_subject = groups_per_subject
        self._arrivals = Arrivals()

    async def run(self, stopping: asyncio.Event) -> None:
        """Route until told to stop; then finish the groups at work."""
        if not self._routes.subjects:
            logger.warning("no handler is registered: the router has nothing to do")
            await stopping.wait()
            return
        await self._bus.connect()
        group = Group(self._db, self._clock, stopping)
        retries = Retries(self._db, self._clock, self._consumers, stopping)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(every(_RETRY_SECONDS, stopping, retries.work), name="inbox-retries")
            tasks.create_task(self._pull(group, stopping), name="router-pull")

    async def _pull(self, group: Group, stopping: asyncio.Event) -> None:
        subscription = await self._join(stopping)
        if subscription is None:
            return
        custody = Custody(subscription, self._messages_in_flight, self._batch_size)
        lanes = Lanes(
            partial(self._work, group, custody),
            places=self._groups_at_once, places_each=self._groups_per_subject, largest=self._batch_size,
        )  # fmt: skip
        async with asyncio.TaskGroup() as around:
            gauge = around.create_task(every(_GAUGE_SECONDS, stopping, lambda: _measure(subscription)))
            patience = around.create_task(custody.extend(), name="router-patience")
            async with asyncio.TaskGroup() as groups:
                while not stopping.is_set():
                    deliveries = await self._fetch(subscription, await custody.room(), stopping)
                    await self._sort(group, custody, lanes, groups, deliveries)
            gauge.cancel()
            patience.cancel()

    async def _join(self, stopping: asyncio.Event) -> Subscription | None:
        while not stopping.is_set():
            try:
                return await self._bus.consume(self._durable, self._routes.subjects)
            except BusUnavailable as error:
                logger.warning("the consumer group can't be joined yet: {}", error)
                await pause(stopping, 1.0)
        return None

    async def _fetch(self, subscription: Subscription, room: int, stopping: asyncio.Event) -> Sequence[Delivery]:
        """What is there; while the bus is away, wait for it."""
        failures = 0
        while not stopping.is_set():
            try:
                return await subscription.fetch(room, _WAIT_SECONDS)
            except BusUnavailable as error:
                failures += 1
                logger.warning("nothing can be pulled: {}", error)
                await pause(stopping, backoff(failures, longest=2.0).total_seconds())
        return []

    async def _work(self, group: Group, custody: Custody, route: Route, members: Sequence[Member]) -> None:
        """Settle one group and acknowledge what no other consumer is at work on."""
        deliveries = [delivery for _, delivery in members]
        try:
            await group.handle(*route, [held for held, _ in members], self._arrivals)
        except Stopped:
            logger.info("stopping while events wait for better times; they will be delivered again")
            custody.abandon(deliveries)
        else:
            await custody.done(deliveries)

    async def _sort(
        self,
        group: Group,
        custody: Custody,
        lanes: Lanes,
        tasks: asyncio.TaskGroup,
        deliveries: Sequence[Delivery],
    ) -> None:
        """Put what was pulled in its lanes. What can't be decoded goes to the dead letters at once."""
        members: dict[tuple[str, str], list[Member]] = defaultdict(list)
        chosen: dict[tuple[str, str], Route] = {}
        for delivery in deliveries:
            event, routes = None, list[Route]()
            try:
                event = decode_event(delivery.body)
                routes = self._routes.of(event)
                held = Held(decode_payload(event), delivery.body)
            except Undecodable as error:
                names = [consumer.name for consumer, _ in routes] or [undecodable.ROUTER]
                keep = partial(undecodable.keep, self._db, self._clock, delivery.body, event, names, error)
                try:
                    await group.patiently(names[0], keep)
                    await custody.nobody(delivery)
                except Stopped:
                    pass  # it will be delivered again
                continue
            if not routes:  # an older release subscribed to its subject, or it is replayed for a consumer that is gone
                await custody.nobody(delivery)
                continue
            custody.take(delivery, len(routes))
            for route in routes:
                key = (route[0].name, event.type)
                chosen[key] = route
                members[key].append((held, delivery))
        for key, some in members.items():
            lanes.add(tasks, chosen[key], key[1], some)


async def _measure(subscription: Subscription) -> None:
    metrics.CONSUMER_LAG.set(await subscription.lag())
