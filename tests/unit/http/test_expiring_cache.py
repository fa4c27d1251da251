"""The cache behind authentication and health."""

import asyncio

import pytest

from corebilling.platform.expiring import ExpiringCache


class Oracle:
    """Counts how often it is asked."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked = 0

    async def __call__(self) -> str | None:
        self.asked += 1
        await asyncio.sleep(0)
        return self.answer


async def test_many_at_once_ask_only_once() -> None:
    cache: ExpiringCache[str, str] = ExpiringCache(seconds=60, none_seconds=60, size=10)
    oracle = Oracle("yes")
    assert await asyncio.gather(*(cache.get("k", oracle) for _ in range(50))) == ["yes"] * 50
    assert await cache.get("k", oracle) == "yes"
    assert oracle.asked == 1


async def test_an_answer_is_forgotten_after_its_time() -> None:
    cache: ExpiringCache[str, str] = ExpiringCache(seconds=0, none_seconds=60, size=10)
    oracle = Oracle("yes")
    await cache.get("k", oracle)
    await cache.get("k", oracle)
    assert oracle.asked == 2


async def test_no_answer_has_a_time_of_its_own() -> None:
    cache: ExpiringCache[str, str] = ExpiringCache(seconds=60, none_seconds=0, size=10)
    oracle = Oracle(None)
    await cache.get("k", oracle)
    await cache.get("k", oracle)
    assert oracle.asked == 2


async def test_it_never_holds_more_than_its_size() -> None:
    cache: ExpiringCache[int, str] = ExpiringCache(seconds=60, none_seconds=60, size=3)
    for key in range(100):
        await cache.get(key, Oracle("yes"))
    assert len(cache._known) == 3


async def test_an_error_reaches_everybody_waiting_and_is_not_remembered() -> None:
    cache: ExpiringCache[str, str] = ExpiringCache(seconds=60, none_seconds=60, size=3)

    async def fail() -> str | None:
        await asyncio.sleep(0)
        raise RuntimeError("down")

    outcomes = await asyncio.gather(*(cache.get("k", fail) for _ in range(3)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["down"] * 3
    assert await cache.get("k", Oracle("yes")) == "yes"


async def test_a_caller_that_gives_up_does_not_take_the_others_along() -> None:
    cache: ExpiringCache[str, str] = ExpiringCache(seconds=60, none_seconds=60, size=3)
    gate = asyncio.Event()

    async def slow() -> str | None:
        await gate.wait()
        return "yes"

    first, second = asyncio.create_task(cache.get("k", slow)), asyncio.create_task(cache.get("k", slow))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == "yes"
    with pytest.raises(asyncio.CancelledError):
        await first
