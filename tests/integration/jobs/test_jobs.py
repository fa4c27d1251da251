"""Jobs: taken on by whoever is free, done chunk by chunk, never lost and never done twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
import pytest

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Database, Tx
from corebilling.platform.jobs.kinds import Chunk, Ending, Job, JobHost
from corebilling.platform.jobs.retention import KEPT_FOR, forget_finished
from corebilling.platform.jobs.schemas import JobOut
from corebilling.platform.jobs.service import MOST_UNFINISHED, JobService
from corebilling.platform.jobs.worker import MOST_ATTEMPTS, JobWorker

LEASE_SECONDS = 30.0


class Count(msgspec.Struct):
    """Count to `to`, one a chunk."""

    to: int


class Counting:
    """The context of these tests: it counts, and does before each step what a test asks for."""

    def __init__(self) -> None:
        self.steps: list[tuple[UUID, int]] = []
        self.trouble: list[BaseException] = []
        self.entered = asyncio.Event()
        self.barrier: asyncio.Event | None = None
        self.wait = timedelta()

    async def step(self, tx: Tx, job: Job) -> Chunk:
        """One more."""
        wanted = msgspec.json.decode(job.request, type=Count).to
        number = int(job.position or 0) + 1
        self.steps.append((job.job_id, number))
        self.entered.set()
        if self.barrier is not None:
            await self.barrier.wait()
        if self.trouble:
            raise self.trouble.pop(0)
        result = str(number).encode() if number == wanted else None
        return Chunk(number, wanted, str(number).encode(), [b'{"number":%d}' % number], result, self.wait)


async def count(service: Counting, tx: Tx, job: Job) -> Chunk:
    """The kind's function."""
    return await service.step(tx, job)


class Desk:
    """A queue with workers whose clock the test sets."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.now = datetime.now(UTC)
        self.counting = Counting()
        self.endings: list[Ending] = []
        self.jobs = JobService(clock=lambda: self.now, endings={"count": self.note})

    async def note(self, tx: Tx, ending: Ending) -> None:
        self.endings.append(ending)

    def worker(self, **wanted: float) -> JobWorker:
        host = JobHost(self.counting, {"count": count})
        return JobWorker(
            self.db,
            [host],
            clock=lambda: self.now,
            endings={"count": self.note},
            **{"lease_seconds": LEASE_SECONDS, **wanted},
        )

    async def queue(self, tenant_id: UUID, to: int = 3) -> UUID:
        async with self.db.tenant(tenant_id) as tx:
            return (await self.jobs.queue(tx, tenant_id, "count", Count(to))).id

    async def look(self, tenant_id: UUID, job_id: UUID) -> JobOut:
        async with self.db.tenant(tenant_id) as tx:
            return await self.jobs.get(tx, tenant_id, job_id)

    async def numbers(self, tenant_id: UUID, job_id: UUID) -> list[int]:
        async with self.db.tenant(tenant_id) as tx:
            found = await self.jobs.items(tx, tenant_id, job_id, after=None, limit=100)
        return [msgspec.json.decode(item)["number"] for _, item in found]

    async def cancel(self, tenant_id: UUID, job_id: UUID) -> JobOut:
        async with self.db.tenant(tenant_id) as tx:
            return await self.jobs.cancel(tx, tenant_id, job_id)


@pytest.fixture
def desk(db: Database, owner_url: str) -> Desk:
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("TRUNCATE jobs, job_items")
    return Desk(db)


async def test_a_job_is_done_and_only_its_tenant_sees_it(desk: Desk) -> None:
    ours, theirs = new_id(), new_id()
    job_id = await desk.queue(ours)
    assert (await desk.look(ours, job_id)).state == "queued"
    assert await desk.worker().work_once()
    done = await desk.look(ours, job_id)
    assert (done.state, done.progress.done, done.progress.total, bytes(done.result or b"")) == ("succeeded", 3, 3, b"3")
    assert await desk.numbers(ours, job_id) == [1, 2, 3]
    assert not await desk.worker().work_once()
    with pytest.raises(NotFound):
        await desk.look(theirs, job_id)
    with pytest.raises(NotFound):
        await desk.numbers(theirs, job_id)
    with pytest.raises(NotFound):
        await desk.cancel(theirs, job_id)


async def test_two_workers_share_the_jobs_of_two_tenants(desk: Desk) -> None:
    tenants = [new_id(), new_id()]
    ids = [await desk.queue(tenant_id) for tenant_id in tenants]
    assert await asyncio.gather(*(desk.worker().work_once() for _ in ids)) == [True, True]
    for tenant_id, job_id in zip(tenants, ids, strict=True):
        assert await desk.numbers(tenant_id, job_id) == [1, 2, 3]
    assert len(desk.counting.steps) == 6


async def test_a_job_with_a_pace_lets_others_work_and_goes_on_when_its_wait_is_over(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id, to=2)
    desk.counting.wait = timedelta(seconds=10)
    assert await desk.worker().work_once()
    assert (await desk.look(tenant_id, job_id)).state == "queued"
    assert not await desk.worker().work_once(), "its wait isn't over, whichever worker asks"
    desk.now += timedelta(seconds=10)
    assert await desk.worker().work_once()
    assert (await desk.look(tenant_id, job_id)).state == "succeeded"


async def test_the_end_of_a_job_is_told_once_however_it_ends(desk: Desk) -> None:
    tenant_id = new_id()
    done = await desk.queue(tenant_id, to=2)
    desk.now += timedelta(seconds=1)
    failed, canceled = await desk.queue(tenant_id), await desk.queue(tenant_id)
    await desk.cancel(tenant_id, canceled)
    await desk.cancel(tenant_id, canceled)
    await desk.worker().work_once()
    desk.counting.trouble = [Invalid("no", code="no")]
    await desk.worker().work_once()
    told = [(ending.job_id, ending.outcome, ending.done) for ending in desk.endings]
    assert sorted(told) == sorted([(done, "succeeded", 2), (failed, "failed", 0), (canceled, "canceled", 0)])


async def test_a_job_whose_worker_died_goes_on_where_it_was(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id)
    desk.counting.trouble = [asyncio.CancelledError()]  # as a process that ends: nothing is said to the queue
    one = desk.worker(slice_seconds=0.0)
    with pytest.raises(asyncio.CancelledError):
        await one.work_once()
        raise asyncio.CancelledError
    assert (await desk.look(tenant_id, job_id)).state == "running"
    assert not await desk.worker().work_once(), "the lease still holds"
    desk.now += timedelta(seconds=LEASE_SECONDS + 1)
    assert await desk.worker().work_once()
    assert (await desk.look(tenant_id, job_id)).state == "succeeded"
    assert await desk.numbers(tenant_id, job_id) == [1, 2, 3]


async def test_a_worker_that_slept_through_its_lease_writes_nothing(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id)
    desk.counting.barrier = asyncio.Event()
    sleeper = asyncio.create_task(desk.worker().work_once())
    await desk.counting.entered.wait()
    barrier, desk.counting.barrier = desk.counting.barrier, None
    desk.now += timedelta(seconds=LEASE_SECONDS + 1)
    assert await desk.worker().work_once(), "another takes it over"
    barrier.set()
    await sleeper
    assert await desk.numbers(tenant_id, job_id) == [1, 2, 3]
    assert [number for _, number in desk.counting.steps] == [1, 1, 2, 3]


async def test_after_its_slice_a_job_goes_behind_the_others(desk: Desk) -> None:
    tenants = [new_id(), new_id()]
    ids = []
    for tenant_id in tenants:
        ids.append(await desk.queue(tenant_id, to=2))
        desk.now += timedelta(seconds=1)
    worker = desk.worker(slice_seconds=0.0)
    while await worker.work_once():
        desk.now += timedelta(seconds=1)
    assert desk.counting.steps == [(ids[0], 1), (ids[1], 1), (ids[0], 2), (ids[1], 2)]


async def test_a_canceled_job_stops_and_what_it_found_stays(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id)
    await desk.worker(slice_seconds=0.0).work_once()
    desk.counting.entered.clear()
    desk.counting.barrier = asyncio.Event()
    running = asyncio.create_task(desk.worker().work_once())
    await desk.counting.entered.wait()
    assert (await desk.cancel(tenant_id, job_id)).state == "canceled"
    desk.counting.barrier.set()
    await running
    assert await desk.numbers(tenant_id, job_id) == [1]
    assert (await desk.cancel(tenant_id, job_id)).state == "canceled", "ordering it again changes nothing"
    assert not await desk.worker().work_once()


async def test_the_heartbeat_ends_a_long_chunk_of_a_canceled_job(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id)
    desk.counting.barrier = asyncio.Event()  # never set: only the heartbeat can end this
    running = asyncio.create_task(desk.worker(lease_seconds=0.5).work_once())
    await desk.counting.entered.wait()
    await desk.cancel(tenant_id, job_id)
    assert await asyncio.wait_for(running, 30)
    assert (await desk.look(tenant_id, job_id)).state == "canceled"


async def test_a_refusal_ends_the_job_with_its_words_and_a_finished_job_stays_finished(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id)
    desk.counting.trouble = [Invalid("the price is gone; name another", code="gone")]
    await desk.worker().work_once()
    failed = await desk.look(tenant_id, job_id)
    assert (failed.state, failed.error) == ("failed", "the price is gone; name another")
    with pytest.raises(Conflict, match="has failed"):
        await desk.cancel(tenant_id, job_id)


async def test_a_bug_is_tried_again_and_then_told(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id)
    desk.counting.trouble = [RuntimeError("a bug") for _ in range(MOST_ATTEMPTS)]
    for tried in range(1, MOST_ATTEMPTS + 1):
        assert await desk.worker().work_once(), tried
        desk.now += timedelta(minutes=10)
    failed = await desk.look(tenant_id, job_id)
    assert failed.state == "failed"
    assert "RuntimeError" in (failed.error or "")


async def test_an_absent_database_is_waited_for_however_often(desk: Desk) -> None:
    tenant_id = new_id()
    job_id = await desk.queue(tenant_id)
    desk.counting.trouble = [ConnectionError("away") for _ in range(MOST_ATTEMPTS * 2)]
    while desk.counting.trouble:
        assert await desk.worker().work_once()
        desk.now += timedelta(minutes=10)
    await desk.worker().work_once()
    assert (await desk.look(tenant_id, job_id)).state == "succeeded"


async def test_a_tenant_has_so_many_unfinished_jobs_and_no_more(desk: Desk) -> None:
    tenant_id, other = new_id(), new_id()
    for _ in range(MOST_UNFINISHED):
        await desk.queue(tenant_id)
    with pytest.raises(Conflict, match="cancel one"):
        await desk.queue(tenant_id)
    await desk.queue(other)


async def test_finished_jobs_are_forgotten_with_their_items_and_others_kept(desk: Desk) -> None:
    tenant_id = new_id()
    old = await desk.queue(tenant_id)
    await desk.worker().work_once()
    unfinished = await desk.queue(tenant_id)
    assert await forget_finished(desk.db, desk.now + KEPT_FOR - timedelta(seconds=1)) == 0
    assert await forget_finished(desk.db, desk.now + KEPT_FOR + timedelta(seconds=1)) == 1
    with pytest.raises(NotFound):
        await desk.look(tenant_id, old)
    assert (await desk.look(tenant_id, unfinished)).state == "queued"
    async with desk.db.system() as tx:
        left = await (await tx.conn.execute("SELECT count(*) FROM job_items")).fetchone()
    assert left == (0,)


async def test_the_loop_wakes_for_a_job_and_stops_when_told(desk: Desk) -> None:
    tenant_id, stopping = new_id(), asyncio.Event()
    loop = asyncio.create_task(desk.worker().run(stopping))
    job_id = await desk.queue(tenant_id)
    async with asyncio.timeout(30):
        while (await desk.look(tenant_id, job_id)).state != "succeeded":
            await asyncio.sleep(0.01)
    stopping.set()
    await asyncio.wait_for(loop, 30)
