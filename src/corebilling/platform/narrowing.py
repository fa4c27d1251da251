"""Batches in which one item may be to blame: the others are done all the same, and that one waits a while."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from loguru import logger

from corebilling.platform.db.errors import is_transient

T = TypeVar("T")

_WAIT_SECONDS = 60.0


async def narrowed(
    items: Sequence[T], work: Callable[[Sequence[T]], Awaitable[object]], *, blame: Callable[[T, Exception], None]
) -> None:
    """Work on all items at once; where that fails, on halves of them, down to the ones to blame.

    `work` opens a transaction of its own. Errors that pass by themselves are raised: there nobody is to blame.
    """
    if not items:
        return
    try:
        await work(items)
    except Exception as error:
        if is_transient(error):
            raise
        if len(items) == 1:
            blame(items[0], error)
            return
        middle = len(items) // 2
        await narrowed(items[:middle], work, blame=blame)
        await narrowed(items[middle:], work, blame=blame)


class Aside(Generic[T]):
    """What failed by itself is left out for a minute, so that what is due behind it gets its turn. Of one process."""

    def __init__(self, what: str, id_of: Callable[[T], UUID], *, seconds: float = _WAIT_SECONDS) -> None:
        self._what = what
        self._id_of = id_of
        self._seconds = seconds
        self._until: dict[UUID, float] = {}

    def put(self, item: T, error: Exception) -> None:
        """Leave this one out for now, and say why."""
        self._until[self._id_of(item)] = time.monotonic() + self._seconds
        logger.opt(exception=error).error("{} {} failed; it is tried again", self._what, self._id_of(item))

    @property
    def ids(self) -> list[UUID]:
        """What is left out at this moment."""
        now = time.monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        return list(self._until)
