"""Where groups wait for their turn: one lane for each consumer and subject, with a bounded number of places.

A lane takes at most its share of the places, so a slow handler leaves the others theirs. What arrives while a lane waits joins
its next group: the longer the wait, the larger the groups, the cheaper each event.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

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

    def add(self, tasks: asyncio.TaskGroup, route: Route, subject: str, members: Sequence[Member]) -> None:
        """Put events in their lane; tasks for them are started in the group as there are places."""
        key = (route[0].name, subject)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(route)
        lane.waiting.extend(members)
        if lane.runners < self._places_each:
            lane.runners += 1
            tasks.create_task(self._run(lane), name=f"router-{key[0]}-{subject}")

    async def _run(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                async with self._places:
                    group = [lane.waiting.popleft() for _ in range(min(len(lane.waiting), self._largest))]
                    if group:
                        await self._work(lane.route, group)
        finally:
            lane.runners -= 1
