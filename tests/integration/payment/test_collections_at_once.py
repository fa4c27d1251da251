"""Many who collect at once, and what one that can't be collected or a gateway that doesn't answer keeps from happening."""

import asyncio
from datetime import timedelta
from uuid import UUID

import psycopg

from corebilling.cli.client import until
from corebilling.payment.domain.outcome import Outcome
from corebilling.payment.queries import collections as queries
from corebilling.payment.schemas import PaymentOut
from factories import PATIENCE_SECONDS
from till import NewTill, Till

DAY = timedelta(days=1)
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"


async def retried(till: Till, name: str) -> UUID:
    """An invoice whose first charge failed, so that it is tried again after three days."""
    invoice = await till.invoice(await till.customer(name, method=True))
    await till.handle()
    [asked] = await till.in_flight(invoice.id)
    await till.said(asked.id, "failed")
    return invoice.id


async def move(till: Till, by: timedelta) -> None:
    now = await till.now()
    async with till.db.system() as tx:
        await till.books.tenants.move_clock(tx, till.tenant, now + by, done=True)


async def test_an_attempt_and_the_outcome_of_a_charge_by_hand_wait_in_one_direction(sandbox: NewTill) -> None:
    till = await sandbox(retry_days=[3, 5])
    invoice = await retried(till, "acme")
    asked = await till.pay(invoice_id=invoice, method=None)
    await move(till, 3 * DAY)
    at = await till.now()

    async def told() -> None:
        async with till.db.tenants([till.tenant]) as tx:
            outcome = Outcome(till.tenant, asked.id, "failed", at)
            await till.books.payments.record_outcomes(tx, [outcome])

    async def somebody_waits() -> bool:
        async with till.db.system() as tx:
            row = await (await tx.conn.execute(_WAITING)).fetchone()
        return row is not None and row[0] > 0

    async with till.db.tenants([till.tenant]) as tx:
        await queries.lock_collections(tx.conn, tenant_ids=[till.tenant], invoice_ids=[invoice])
        outcome = asyncio.create_task(told())
        await until(somebody_waits, seconds=PATIENCE_SECONDS, what="the outcome to wait", every_seconds=0.01)
        assert await till.books.payments.collect_due(tx, [(till.tenant, invoice)]) == 1
    await outcome
    assert (await till.payment(asked.id)).status == "failed"
    async with till.db.tenant(till.tenant) as tx:
        found = await till.books.payments.get_collection(tx, till.tenant, invoice)
    assert (found.status, found.step) == ("active", 2)


async def test_many_duties_attempt_each_collection_once(sandbox: NewTill) -> None:
    till = await sandbox(retry_days=[3])
    invoices = [await retried(till, f"c-{number}") for number in range(8)]
    await move(till, 3 * DAY)
    await asyncio.gather(*(till.collect() for _ in range(6)))
    assert [len(await till.in_flight(invoice)) for invoice in invoices] == [1] * len(invoices)
    assert len(await till.told("payment.requested")) == 2 * len(invoices)


async def test_one_that_cannot_be_collected_keeps_no_other_from_it(sandbox: NewTill, owner_url: str) -> None:
    till = await sandbox(retry_days=[3], overdue=True)
    broken = await till.invoice(await till.customer("broken"))
    others = [await till.invoice(await till.customer(f"c-{number}")) for number in range(3)]
    await till.handle()
    with psycopg.connect(owner_url, autocommit=True) as conn:
        never = "UPDATE collections SET retry_days = '{2000000000}' WHERE invoice_id = %s"
        conn.execute(never, (broken.id,))
    assert broken.due_at is not None
    await move(till, broken.due_at - await till.now())
    await till.collect()
    for one in others:
        async with till.db.tenant(till.tenant) as tx:
            assert (await till.books.payments.get_collection(tx, till.tenant, one.id)).started_at is not None


async def test_a_test_clock_waits_for_a_gateway_and_not_for_ever(sandbox: NewTill, owner_url: str) -> None:
    till = await sandbox(retry_days=[3])
    invoice = await till.invoice(await till.customer(method=True))
    await till.handle()

    async def due() -> object:
        async with till.db.system() as tx:
            return await till.books.payments.earliest_due(tx, till.tenant)

    [asked] = await till.in_flight(invoice.id)
    assert await due() == await till.now()
    await _asked_long_ago(owner_url, asked)
    assert await due() is None
    await move(till, 40 * DAY)
    await till.said(asked.id, "failed")
    async with till.db.tenant(till.tenant) as tx:
        found = await till.books.payments.get_collection(tx, till.tenant, invoice.id)
    assert (found.status, found.next_attempt_at) == ("active", await till.now() + 3 * DAY)


async def _asked_long_ago(owner_url: str, asked: PaymentOut) -> None:
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as conn:
        long_ago = "UPDATE payments SET created_at = created_at - interval '1 minute' WHERE payment_id = %s"
        await conn.execute(long_ago, (asked.id,))
