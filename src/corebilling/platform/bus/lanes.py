"""Where groups wait for their turn: one lane for each consumer and subject, with a bounded number of places.

A lane takes at most its share of the places, so a slow handler leaves the others theirs. What arrives while a lane waits joins
its next group: the longer the wait, the larger the groups, the cheaper each event.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from corebilling.platform.bus.admission import Held
from corebilling.platform.bus.port import Delivery
from corebilling.platform.bus.routes import Route

Member = tuple[Held, Delivery]
Work = Callable[[Route, Sequence[Member]], Awaitable[None]]


@dataclass(slots=True)
class _Lane:
    route: Route
    waiting: deque[Member] = field(default_factory=deque)
    runners: int = 0


class Lanes:
    """`work` handles one group. `places` is for all lanes together, `places_each` for one, `largest` a group's most events."""

    def __init__(self, work: Work, *, places: int, places_each: int, largest: int) -> None:
        self._work = work
        self._places = asyncio.Semaphore(places)
        self._places_each = places_each
        self._largest = largest
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._at_work: dict[str, set[UUID]] = defaultdict(set)
        """By consumer, the resources of its groups at work."""

    def add(self, tasks: asyncio.TaskGroup, route: Route, subject: str, members: Sequence[Member]) -> None:
        """Put events in their lane; tasks for them are started in the group as there are places."""
        key = (route[0].name, subject)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(route)
        lane.waiting.extend(members)
        self._start(tasks, lane)

    def _start(self, tasks: asyncio.TaskGroup, lane: _Lane) -> None:
        if lane.waiting and lane.runners < self._places_each:
            lane.runners += 1
            tasks.create_task(self._run(tasks, lane), name=f"router-{lane.route[0].name}")

    async def _run(self, tasks: asyncio.TaskGroup, lane: _Lane) -> None:
        at_work = self._at_work[lane.route[0].name]
        try:
            worked = True
            while lane.waiting and worked:
                async with self._places:
                    group = self._next(lane, at_work)
                    resources = {held.envelope.resource_id for held, _ in group}
                    at_work |= resources
                    try:
                        if worked := bool(group):
                            await self._work(lane.route, group)
                    finally:
                        at_work -= resources
                if worked:
                    self._go_on(tasks, lane.route)
        finally:
            lane.runners -= 1

    def _go_on(self, tasks: asyncio.TaskGroup, route: Route) -> None:
        """Start the consumer's lanes: they may have waited for a resource of the group that has just ended."""
        for lane in self._lanes.values():
            if lane.route[0] is route[0]:
                self._start(tasks, lane)

    def _next(self, lane: _Lane, at_work: set[UUID]) -> list[Member]:
        """The next group: what waits, except for resources of which the consumer has something at work. That may fail, and then
        the rest waits behind it."""
        group: list[Member] = []
        left: deque[Member] = deque()
        while lane.waiting and len(group) < self._largest:
            member = lane.waiting.popleft()
            (left if member[0].envelope.resource_id in at_work else group).append(member)
        lane.waiting.extendleft(reversed(left))
        return group
