"""Kills roles while there is work, at moments drawn from a seed."""

import asyncio
import random
from collections import Counter

from books_of_record import Records

from corebilling.cli.local import LocalInstallation

ROLES = ("router", "worker", "api")
_LOOK_SECONDS = 0.05


class Killer:
    """SIGKILLs one role after another, each once it is ready and the work has come some random way further.

    So a kill hits billing that moves, not a wait for a lease. `landed` counts the kills after which there was billing left
    to do: they hit in the middle of it.
    """

    def __init__(self, here: LocalInstallation, records: Records, seed: int, farthest: int) -> None:
        self._here = here
        self._records = records
        self._rng = random.Random(seed)
        self._farthest = farthest
        self._queue: list[str] = []
        self.landed: Counter[str] = Counter()

    async def kill_while_billing(self, wanted: int) -> None:
        """Go on until everything is billed and told, or this number of kills has landed in all."""
        while self.landed.total() < wanted:
            role = self._next_role()
            await asyncio.to_thread(self._here.roles[role].wait_ready)
            if not await self._work_moves_on(self._rng.randrange(self._farthest)):
                return
            await asyncio.to_thread(self._here.roles[role].kill)
            hit = await self._records.unbilled()
            await asyncio.to_thread(self._here.roles[role].start)
            self.landed[role] += hit

    async def restore(self) -> None:
        """Return once every role is ready."""
        for role in self._here.roles.values():
            await asyncio.to_thread(role.wait_ready)

    def _next_role(self) -> str:
        if not self._queue:
            self._queue = self._rng.sample(ROLES, len(ROLES))
        return self._queue.pop()

    async def _work_moves_on(self, by: int) -> bool:
        """Wait until so much more is done; whether there is still work then."""
        goal = await self._records.progress() + by
        while await self._records.unbilled():
            if await self._records.progress() >= goal:
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return False
