"""When to try again, and what to do every so often."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from loguru import logger

from corebilling.platform.bus.port import BusUnavailable
from corebilling.platform.db.errors import is_transient

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0


def backoff(attempt: int, *, first: float = _FIRST_SECONDS, longest: float = _LONGEST_SECONDS) -> timedelta:
    """The wait after the attempt of this number (from 1): doubling up to the longest, with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return timedelta(seconds=random.uniform(0, min(longest, first * 2 ** min(attempt - 1, 30))))  # noqa: S311


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait, or return at once when the process is asked to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


async def every(seconds: float, stopping: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work again and again until told to stop. What passes by itself is logged and tried at the next turn."""
    while not stopping.is_set():
        try:
            await work()
        except BusUnavailable as error:
            logger.warning("{}", error)
        except Exception as error:
            if not is_transient(error):
                raise
            logger.warning("the database is away, trying again: {}", error)
        await pause(stopping, seconds)
