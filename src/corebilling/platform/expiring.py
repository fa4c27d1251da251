"""A small cache in the process: answers kept for seconds, and one question at a time for each key."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExpiringCache(Generic[K, V]):
    """Remembers answers for `seconds`, the answer None for `none_seconds`, and at most `size` of them (oldest go first)."""

    def __init__(self, *, seconds: float, none_seconds: float, size: int) -> None:
        self._seconds = seconds
        self._none_seconds = none_seconds
        self._size = size
        self._known: OrderedDict[K, tuple[float, V | None]] = OrderedDict()
        self._asking: dict[K, asyncio.Task[V | None]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V | None]]) -> V | None:
        """The remembered answer, else what `ask` answers; its errors reach everybody who waits, and aren't remembered."""
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V | None]]) -> V | None:
        answer = await ask()
        self._known[key] = (time.monotonic() + (self._none_seconds if answer is None else self._seconds), answer)
        self._known.move_to_end(key)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return answer

    def _asked(self, key: K, task: "asyncio.Task[V | None]") -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits has it; with nobody left waiting it must not be reported as lost
