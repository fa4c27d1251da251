"""Group commit: callers share flushes, not each other's faults."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from corebilling.kernel.errors import Invalid, Unavailable
from corebilling.usage.group_commit import GroupCommit

ONE, TWO = uuid4(), uuid4()


class Store:
    """Remembers what was flushed; holds flushes back until `gate` is open."""

    def __init__(self) -> None:
        self.flushes: list[tuple[UUID, list[int]]] = []
        self.gate = asyncio.Event()
        self.at_once = self.most_at_once = 0
        self.outage = False

    async def flush(self, tenant_id: UUID, items: Sequence[int]) -> list[int]:
        self.flushes.append((tenant_id, list(items)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if self.outage:
            raise Unavailable("gone", code="gone")
        if any(item < 0 for item in items):
            raise Invalid("negative", code="negative")
        return [item * 10 for item in items]


def _group(store: Store, **sizes: int) -> GroupCommit[int, int]:
    return GroupCommit(store.flush, **{"slots": 2, "batch_size": 100, "max_waiting": 1000} | sizes)


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_waits_during_a_flush_is_the_next_one_and_each_gets_its_own_answer() -> None:
    store = Store()
    group = _group(store)
    first = asyncio.create_task(group.submit(ONE, [1]))
    await _settled()
    others = [asyncio.create_task(group.submit(ONE, [n, n + 100])) for n in range(2, 12)]
    await _settled()
    store.gate.set()
    assert await first == [10]
    assert await asyncio.gather(*others) == [[n * 10, (n + 100) * 10] for n in range(2, 12)]
    assert [len(items) for _, items in store.flushes] == [1, 20]


async def test_tenants_never_share_a_flush_and_take_turns() -> None:
    store = Store()
    group = _group(store, batch_size=2)
    store.gate.set()
    tasks = [asyncio.create_task(group.submit(tenant, [n])) for n in range(6) for tenant in (ONE, TWO)]
    await asyncio.gather(*tasks)
    assert sorted(items for tenant, items in store.flushes if tenant == ONE) == [[0, 1], [2, 3], [4, 5]]
    assert [tenant for tenant, _ in store.flushes] in ([ONE, TWO] * 3, [TWO, ONE] * 3)


async def test_a_bad_item_hurts_its_sender_alone() -> None:
    store = Store()
    group = _group(store)
    blocker = asyncio.create_task(group.submit(ONE, [0]))
    await _settled()
    good, bad, good_too = (asyncio.create_task(group.submit(ONE, [n])) for n in (1, -1, 2))
    store.gate.set()
    assert await blocker == [0]
    assert await good == [10]
    assert await good_too == [20]
    with pytest.raises(Invalid):
        await bad


async def test_an_outage_is_told_to_all_and_tried_for_none_alone() -> None:
    store = Store()
    store.outage = True
    group = _group(store)
    blocker = asyncio.create_task(group.submit(ONE, [0]))
    await _settled()
    tasks = [asyncio.create_task(group.submit(ONE, [n])) for n in range(3)]
    store.gate.set()
    answers = await asyncio.gather(blocker, *tasks, return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert len(store.flushes) == 2


async def test_a_caller_that_goes_away_takes_nobody_along() -> None:
    store = Store()
    group = _group(store)
    leaving = asyncio.create_task(group.submit(ONE, [1]))
    await _settled()
    waiting, gone = asyncio.create_task(group.submit(ONE, [2])), asyncio.create_task(group.submit(ONE, [3]))
    await _settled()
    leaving.cancel()
    gone.cancel()
    await _settled()
    store.gate.set()
    assert await waiting == [20]
    assert store.flushes == [(ONE, [1]), (ONE, [2])]


async def test_a_full_queue_refuses_and_takes_again_when_it_is_shorter() -> None:
    store = Store()
    group = _group(store, max_waiting=5)
    running = asyncio.create_task(group.submit(ONE, [1]))
    await _settled()
    waiting = asyncio.create_task(group.submit(ONE, [1] * 4))
    await _settled()
    with pytest.raises(Unavailable) as refused:
        await group.submit(ONE, [1, 2])
    assert refused.value.retry_after_seconds == 1
    store.gate.set()
    await asyncio.gather(running, waiting)
    assert await group.submit(ONE, [1] * 5) == [10] * 5


async def test_no_more_flushes_run_at_once_than_there_are_slots() -> None:
    store = Store()
    group = _group(store, slots=2, batch_size=1)
    tasks = [asyncio.create_task(group.submit(uuid4(), [n])) for n in range(20)]
    await _settled()
    assert store.at_once == 2
    store.gate.set()
    await asyncio.gather(*tasks)
    assert store.most_at_once == 2
