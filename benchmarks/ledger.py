"""Posting: journals a second that `LedgerService.post` commits, with their events, single and in batches, on hot accounts.

Each connection is a process of its own, as roles are. A journal has three entries: what a customer owes, revenue of a product,
and tax. "Hot" journals are all of one customer and one product, the others of 1,000 each: no balance row is locked, so that
both should be alike.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from uuid import UUID

import psycopg

from benchmarks.results import Result
from corebilling.customer.service import CustomerService
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.ledger.opening import Charts
from corebilling.ledger.service import LedgerService
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.tenant.schemas import TenantCreate
from corebilling.tenant.service import TenantService

SINGLES = 6_000
BATCHED = 120_000
BATCH = 1_000
SPREAD = 1_000
CONNECTIONS = (1, 2, 8)
WARM_UP = 20


def run(database_url: str, scale: float) -> list[Result]:
    """Every combination of batch, connections and hot accounts, one after another on the same tables."""
    tenant_id = asyncio.run(_tenant(database_url))
    results = []
    for batch, journals in ((1, SINGLES), (BATCH, BATCHED)):
        for connections in CONNECTIONS:
            for hot in (False, True):
                turns = max(1, round(journals * scale / batch / connections))
                seconds = _measure(database_url, tenant_id, connections, batch, turns, hot=hot)
                posted = turns * connections * batch
                what = "one by one" if batch == 1 else f"in batches of {batch:,}"
                name = f"journals posted {what}, {connections} connection{'s' if connections > 1 else ''}"
                where = "one customer and product" if hot else f"{SPREAD:,} customers and products"
                detail = f"{posted:,} journals of 3 entries, each with its event, in {seconds:.1f} s"
                results.append(Result(f"{name}, {where}", posted / seconds, "journals/s", None, detail))
    _require_balance(database_url)
    return results


async def _tenant(database_url: str) -> UUID:
    db, tenant_id = Database(database_url), new_id()
    tenants = TenantService(clock=wall_clock, setups=[Charts(clock=wall_clock)])
    try:
        async with db.tenants([tenant_id]) as tx:
            await tenants.create(tx, TenantCreate(name="Bench ledger", currency="EUR"), tenant_id=tenant_id)
    finally:
        await db.close()
    return tenant_id


def _measure(url: str, tenant_id: UUID, connections: int, batch: int, turns: int, *, hot: bool) -> float:
    """Seconds from when all are ready until the last has committed."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(connections + 1), context.Barrier(connections + 1)
    workers = [
        context.Process(target=_worker, args=(url, tenant_id, batch, turns, hot, ready, done), daemon=True)
        for _ in range(connections)
    ]
    for worker in workers:
        worker.start()
    ready.wait(60)
    started = time.perf_counter()
    done.wait()
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    return seconds


def _worker(url: str, tenant_id: UUID, batch: int, turns: int, hot: bool, ready: Barrier, done: Barrier) -> None:
    asyncio.run(_post(url, tenant_id, batch, turns, hot, ready, done))


async def _post(url: str, tenant_id: UUID, batch: int, turns: int, hot: bool, ready: Barrier, done: Barrier) -> None:
    db = Database(url, pool_size=1)
    tenants = TenantService(clock=wall_clock, setups=[])
    ledger = LedgerService(
        clock=wall_clock, tenants=tenants, customers=CustomerService(clock=wall_clock, tenants=tenants)
    )
    customers = [UUID(int=n) for n in range(1 if hot else SPREAD)]
    await _commit(db, ledger, tenant_id, [_journal(tenant_id, customers, n) for n in range(len(customers))])
    for n in range(WARM_UP if batch == 1 else 1):
        await _commit(db, ledger, tenant_id, [_journal(tenant_id, customers, n) for _ in range(batch)])
    ready.wait()
    for turn in range(turns):
        first = turn * batch
        await _commit(db, ledger, tenant_id, [_journal(tenant_id, customers, first + n) for n in range(batch)])
    done.wait()
    await db.close()


async def _commit(db: Database, ledger: LedgerService, tenant_id: UUID, drafts: Sequence[JournalDraft]) -> None:
    async with db.tenants([tenant_id]) as tx:
        await ledger.post(tx, drafts)


def _journal(tenant_id: UUID, customers: Sequence[UUID], number: int) -> JournalDraft:
    place = number % len(customers)
    entries = (
        EntryDraft("1200", 11_900, customers[place]),
        EntryDraft("4000", -10_000, product=f"product-{place}"),
        EntryDraft("2200", -1_900),
    )
    return JournalDraft(tenant_id, "invoice", new_id(), "EUR", wall_clock(), "Invoice", entries)


def _require_balance(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("SET ROLE corebilling_system")
        row = conn.execute("SELECT sum(amount_minor) FROM entries").fetchone()
        assert row == (0,), row
