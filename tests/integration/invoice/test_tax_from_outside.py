"""Invoices of a tenant whose taxes an engine outside says: drafts until it answered well, and then issued with its answer."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import UUID

import pytest
from aiohttp import web

from books import Books, charge
from corebilling.invoice.schemas import InvoiceChange, InvoiceCreate, InvoiceDetailOut, LineCreate
from corebilling.invoice.tax_engine import HttpTaxProvider
from corebilling.invoice.wallet_expiry import WalletExpiry
from corebilling.invoice.worker import InvoicingWorker
from corebilling.kernel.errors import Conflict
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from tax_engines import TaxEngine, engine, good_answer


@pytest.fixture
def books(db: Database) -> Books:
    return Books(db)


@pytest.fixture
async def outside() -> AsyncIterator[TaxEngine]:
    async with engine() as made:
        yield made


@pytest.fixture
def worker(books: Books, outside: TaxEngine) -> InvoicingWorker:
    return InvoicingWorker(
        books.db,
        clock=wall_clock,
        sandboxes=books.tenants,
        finalising=books.invoices.finalising,
        reminding=books.invoices.reminding,
        tax_provider=HttpTaxProvider(url=outside.url, token="t0ken"),
        expiry=WalletExpiry(books.db, clock=wall_clock, sandboxes=books.tenants, wallets=books.wallets),
    )


async def seller(books: Books) -> UUID:
    tenant_id = await books.tenant(country="US", invoicing={"tax_engine": "external"})
    await books.customer(tenant_id, billing_address={"state": "CA", "country": "US"})
    return tenant_id


async def billed(books: Books, tenant_id: UUID) -> UUID:
    """A closed month of 100.00 and 9.99 for the customer `acme`."""
    async with books.db.tenant(tenant_id) as tx:
        customer = await books.customers.by_ref(tx, tenant_id, "acme")
    event = await books.rating(tenant_id, customer.customer_id, charge(1, "recurring", 10000), charge(2, "usage", 999))
    await books.bill([event])
    async with books.db.tenant(tenant_id) as tx:
        rows = await (
            await tx.conn.execute(
                "SELECT invoice_id FROM invoices WHERE tenant_id = %s ORDER BY invoice_id DESC LIMIT 1", (tenant_id,)
            )
        ).fetchall()
    return UUID(str(rows[0][0]))


async def shown(books: Books, tenant_id: UUID, invoice_id: UUID) -> InvoiceDetailOut:
    async with books.db.tenant(tenant_id) as tx:
        return await books.invoices.get(tx, tenant_id, invoice_id)


async def due_again(books: Books, tenant_id: UUID) -> None:
    """As if the pause after a failure were over."""
    async with books.db.system() as tx:
        await tx.conn.execute(
            "UPDATE invoice_agenda SET next_attempt_at = now() - interval '1 second' WHERE tenant_id = %s", (tenant_id,)
        )


async def test_a_month_waits_for_the_engine_and_is_issued_with_its_taxes(
    books: Books, outside: TaxEngine, worker: InvoicingWorker
) -> None:
    tenant_id = await seller(books)
    invoice_id = await billed(books, tenant_id)
    assert (await shown(books, tenant_id, invoice_id)).status == "draft"
    await worker.work_once()
    final = await shown(books, tenant_id, invoice_id)
    assert (final.status, final.subtotal_minor, final.tax_minor, final.total_minor) == ("open", 10999, 797, 11796)
    assert [(tax.code, tax.place, tax.taxable_minor, tax.tax_minor) for tax in final.taxes] == [
        ("ca-sales", "US-CA", 10999, 797)
    ]
    (asked,) = outside.asked
    assert (asked["reference"], asked["buyer"]["region"]) == (str(invoice_id), "CA")


async def test_what_the_engine_does_wrong_is_shown_and_the_draft_stays(
    books: Books, outside: TaxEngine, worker: InvoicingWorker
) -> None:
    tenant_id = await seller(books)
    invoice_id = await billed(books, tenant_id)

    async def broken(asked: dict[str, object]) -> web.StreamResponse:
        return web.Response(status=500, text="out of order")

    async def wrong(asked: dict[str, object]) -> web.StreamResponse:
        return web.json_response({**good_answer(asked), "tax_minor": 1})

    for answering, told in ((broken, "out of order"), (wrong, "1 are added")):
        outside.answering = answering
        await worker.work_once()
        kept = await shown(books, tenant_id, invoice_id)
        assert (kept.status, kept.number, kept.tax_minor) == ("draft", None, 0)
        assert kept.finalize_error is not None
        assert told in kept.finalize_error
        await due_again(books, tenant_id)


async def test_a_draft_that_changed_while_the_engine_thought_is_asked_about_again(
    books: Books, outside: TaxEngine, worker: InvoicingWorker
) -> None:
    tenant_id = await seller(books)
    lines = [LineCreate("Advice", Decimal(100))]
    async with books.db.tenant(tenant_id) as tx:
        draft = await books.invoices.create_draft(tx, tenant_id, InvoiceCreate("acme", lines, finalize=True))
    assert draft.status == "draft"
    asked_once, may_answer = asyncio.Event(), asyncio.Event()

    async def thinking(asked: dict[str, object]) -> web.StreamResponse:
        asked_once.set()
        await may_answer.wait()
        return web.json_response(good_answer(asked))

    outside.answering = thinking
    working = asyncio.create_task(worker.work_once())
    await asked_once.wait()
    async with books.db.tenant(tenant_id) as tx:
        change = InvoiceChange(lines=[LineCreate("Advice", Decimal(200))])
        await books.invoices.change_draft(tx, tenant_id, draft.id, change)
    may_answer.set()
    await working
    kept = await shown(books, tenant_id, draft.id)
    assert (kept.status, kept.subtotal_minor) == ("draft", 20000)
    await due_again(books, tenant_id)
    await worker.work_once()
    final = await shown(books, tenant_id, draft.id)
    assert (final.status, final.subtotal_minor, final.tax_minor) == ("open", 20000, 1450)


async def test_no_draft_is_issued_by_hand_without_the_engines_answer(books: Books) -> None:
    tenant_id = await seller(books)
    async with books.db.tenant(tenant_id) as tx:
        wanted = InvoiceCreate("acme", [LineCreate("Advice", Decimal(100))])
        draft = await books.invoices.create_draft(tx, tenant_id, wanted)
    with pytest.raises(Conflict, match="tax"):
        async with books.db.tenant(tenant_id) as tx:
            await books.invoices.finalising.finalise(tx, [(tenant_id, draft.id)])
    assert (await shown(books, tenant_id, draft.id)).status == "draft"


async def test_a_tenant_without_an_engine_does_not_wait_for_one(
    books: Books, outside: TaxEngine, worker: InvoicingWorker
) -> None:
    outside.answering = outside.never
    waiting = await seller(books)
    stuck = await billed(books, waiting)
    free = await books.tenant(country="US")
    await books.customer(free)
    assert (await shown(books, free, await billed(books, free))).status == "open"
    outside.closing.set()
    await worker.work_once()
    assert (await shown(books, waiting, stuck)).status == "draft"
