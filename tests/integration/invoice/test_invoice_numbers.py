"""Numbers have no gaps, whatever happens at the same time."""

import asyncio
import random
from decimal import Decimal

import pytest
from psycopg import errors

from books import Books, flat
from corebilling.invoice.handlers import on_rating_completed
from corebilling.invoice.schemas import InvoiceCreate, LineCreate
from corebilling.invoice.service import InvoiceFilter
from corebilling.kernel.errors import Conflict
from corebilling.platform.db import Database


class Abandoned(Exception):
    """Thrown on purpose, to roll back."""


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


async def test_concurrent_transactions_some_of_them_rolled_back_leave_no_gap(books: Books, db: Database) -> None:
    tenants = [await books.tenant(), await books.tenant()]
    chance = random.Random(7)
    batches = []
    for tenant in tenants:
        for n in range(12):
            customers = [await books.customer(tenant, f"{n}-{k}") for k in range(chance.randint(1, 4))]
            batches.append((tenant, await books.rated(tenant, customers, flat("1")), n % 3 == 0))
    chance.shuffle(batches)

    async def bill(tenant: object, events: list, give_up: bool) -> int:
        try:
            async with db.tenants([tenant]) as tx:
                await on_rating_completed(books.invoices, tx, events)
                await asyncio.sleep(0)
                if give_up:
                    raise Abandoned  # noqa: TRY301 - it must pass through the transaction
        except Abandoned:
            return 0
        return len(events)

    counts = await asyncio.gather(*(bill(*batch) for batch in batches))
    for tenant in tenants:
        written = sum(count for count, batch in zip(counts, batches, strict=True) if batch[0] == tenant)
        async with db.tenant(tenant) as tx:
            rows = await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=500)
        assert sorted(row.number or "" for row in rows) == [f"INV-2026-{n:06d}" for n in range(1, written + 1)]


async def test_a_batch_is_numbered_in_the_order_in_which_its_periods_closed(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    customers = [await books.customer(tenant, f"c{n}") for n in range(8)]
    events = await books.rated(tenant, customers, flat("1"))
    random.Random(3).shuffle(events)
    await books.bill(events)
    async with db.tenant(tenant) as tx:
        rows = await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=50)
    by_number = sorted(rows, key=lambda row: row.number or "")
    subscriptions = [row.subscription_id for row in by_number]
    assert subscriptions == sorted(event.payload.subscription_id for event in events)


async def test_twenty_concurrent_finalisations_some_of_them_rolled_back_leave_no_gap(
    books: Books, db: Database
) -> None:
    tenant = await books.tenant(invoicing={"number_pattern": "{prefix}{year}.{number:03}"})
    await books.customer(tenant)
    order = InvoiceCreate("acme", [LineCreate("Work", Decimal(10))])
    async with db.tenant(tenant) as tx:
        drafts = [(await books.invoices.create_draft(tx, tenant, order)).id for _ in range(20)]

    async def finalise(place: int) -> str | None:
        try:
            async with db.tenant(tenant) as tx:
                final = await books.invoices.finalise(tx, tenant, drafts[place])
                await asyncio.sleep(0)
                if place % 4 == 0:
                    raise Abandoned  # noqa: TRY301 - it must pass through the transaction
        except Abandoned:
            return None
        return final.number

    given = [number for number in await asyncio.gather(*(finalise(n) for n in range(20))) if number]
    year = given[0][3:7]
    assert sorted(given) == [f"INV{year}.{n:03d}" for n in range(1, 16)]


async def test_one_draft_finalised_by_many_at_once_becomes_final_once(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", [LineCreate("Work", Decimal(10))]))

    async def finalise() -> bool:
        try:
            async with db.tenant(tenant) as tx:
                await books.invoices.finalise(tx, tenant, draft.id)
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(finalise() for _ in range(8)))) == 1
    async with db.tenant(tenant) as tx:
        [entry] = (await books.ledger.trial_balance(tx, tenant, None)).currencies
        assert max(row.balance_minor for row in entry.accounts) == 1000


async def test_no_number_is_given_twice_whatever_anybody_writes(books: Books, db: Database) -> None:
    tenant = await books.tenant()
    one, two = [await books.invoice(tenant, await books.customer(tenant, name), flat("1")) for name in ("a", "b")]
    async with db.tenant(tenant) as tx:
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("a", [LineCreate("Work", Decimal(10))]))
    with pytest.raises(errors.UniqueViolation):
        async with db.tenant(tenant) as tx:
            await tx.conn.execute("UPDATE invoice_state SET status = 'open' WHERE invoice_id = %s", (draft.id,))
            await tx.conn.execute(
                "UPDATE invoices SET number = %s, series = 'INV-2026', issued_at = %s, due_at = %s, journal_id = %s "
                "WHERE invoice_id = %s",
                (two.number, one.issued_at, one.due_at, one.journal_id, draft.id),
            )
