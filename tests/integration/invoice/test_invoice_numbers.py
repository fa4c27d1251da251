"""Numbers have no gaps, whatever happens at the same time."""

import asyncio
import random

import pytest

from books import Books, flat
from corebilling.invoice.handlers import on_rating_completed
from corebilling.invoice.service import InvoiceFilter
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
