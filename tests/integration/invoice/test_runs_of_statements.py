"""Runs of statements: broken off, repeated or done twice at once, each statement is made once."""

import asyncio
from datetime import timedelta

import msgspec
import psycopg
import pytest

from billing_world import DAY
from corebilling.events.invoice import StatementGenerated
from corebilling.invoice.schemas.statements import StatementRunResult
from corebilling.invoice.statements import Statements
from corebilling.kernel.errors import Conflict
from corebilling.ledger.sub_ledger import SubLedger
from corebilling.platform.db import Database, Tx
from corebilling.platform.jobs.kinds import Chunk, Job
from stated import JANUARY, Office


@pytest.fixture
async def office(db: Database) -> Office:
    return Office(db)


class Dying(Statements):
    """A worker that is killed when its `last` chunk has done all but commit."""

    last = 2

    async def step(self, tx: Tx, job: Job) -> Chunk:
        chunk = await super().step(tx, job)
        self.last -= 1
        if not self.last:
            self.dead = True
            await asyncio.Event().wait()
        return chunk

    dead = False


async def test_a_killed_worker_leaves_nobody_out_and_nobody_twice(office: Office, owner_url: str) -> None:
    tenant = await office.books.tenant()
    customers = [await office.books.customer(tenant, f"k{n:02}") for n in range(10)]
    for number, customer in enumerate(customers, 1):
        await office.post(tenant, customer, number, JANUARY + DAY)
    job_id = await office.start(tenant, period="2026-01")
    dying = Dying(
        jobs=office.jobs, clocks=office.books.tenants, tenants=office.books.tenants, customers=office.books.customers,
        sub_ledger=SubLedger(), customers_a_chunk=3,
    )  # fmt: skip
    killed = asyncio.create_task(office.worker(dying).work_once())
    async with asyncio.timeout(30):
        while not dying.dead:
            await asyncio.sleep(0.01)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)

    assert len(await office.made(tenant)) == 3, "of the second chunk nothing is left"
    async with office.db.tenant(tenant) as tx:
        job = await office.jobs.get(tx, tenant, job_id)
    assert (job.state, job.progress.done, job.progress.total) == ("running", 3, 10)
    other = office.worker(later=timedelta(minutes=5))
    while await other.work_once():
        pass
    assert await office.result(tenant, job_id) == StatementRunResult(10, 10, 0)
    assert sorted(one.customer_id for one in await office.made(tenant)) == sorted(customers)
    query = "SELECT payload::text FROM billing_events WHERE tenant_id = %s AND subject = 'statement.generated'"
    with psycopg.connect(owner_url) as conn:
        rows = conn.execute(query, (tenant,)).fetchall()
    told = [msgspec.json.decode(text, type=StatementGenerated) for (text,) in rows]
    assert sorted(event.customer_id for event in told) == sorted(customers)
    assert {event.closing_minor for event in told} == set(range(1, 11))


async def test_two_runs_at_once_make_each_statement_once(office: Office) -> None:
    tenant = await office.books.tenant()
    for number in range(8):
        await office.post(tenant, await office.books.customer(tenant, f"t{number}"), 100, JANUARY + DAY)
    jobs = [await office.start(tenant, period="2026-01") for _ in range(2)]

    async def work() -> None:
        worker = office.worker()
        while await worker.work_once():
            pass

    await asyncio.gather(work(), work())
    results = [await office.result(tenant, job_id) for job_id in jobs]
    assert sum(result.statements for result in results) == 8
    assert sum(result.there_before for result in results) == 8
    assert len(await office.made(tenant)) == 8


async def test_running_again_gives_only_what_is_missing(office: Office) -> None:
    tenant = await office.books.tenant()
    first, second = [await office.books.customer(tenant, name) for name in ("first", "second")]
    await office.post(tenant, first, 500, JANUARY + DAY)
    await office.post(tenant, second, 300, JANUARY + DAY)
    assert await office.run(tenant, customer_id="second") == StatementRunResult(1, 1, 0)
    [alone] = await office.made(tenant)
    assert alone.customer_id == second
    assert await office.run(tenant) == StatementRunResult(2, 1, 1)
    assert await office.run(tenant) == StatementRunResult(2, 0, 2)
    assert len(await office.made(tenant)) == 2
    assert [one.id for one in await office.made(tenant, customer="second")] == [alone.id]
    assert await office.made(tenant, customer="nobody") == []
    assert await office.made(tenant, currency="USD") == []


async def test_too_many_runs_at_once_are_refused(office: Office) -> None:
    tenant = await office.books.tenant()
    with pytest.raises(Conflict):
        for _ in range(12):
            await office.start(tenant, period="2026-01")
    while await office.worker().work_once():
        pass
