"""Drafts of periods: kept with what they claimed, finalised once when their time has come, taxed by whoever is to."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from books import CLOSED_AT, Books, charge, flat
from corebilling.events.subscription import SubscriptionStatusChanged
from corebilling.invoice.handlers import on_subscription_status_changed
from corebilling.invoice.schemas import InvoiceChange, InvoiceCreate, LineCreate
from corebilling.invoice.service import InvoiceFilter
from corebilling.kernel.errors import Conflict, Invalid
from corebilling.platform.db import Database
from invoicing import invoicing_worker, move, only, sandbox, trial
from tax_engines import TaxEngine, engine


@pytest.fixture
async def books(db: Database) -> Books:
    return Books(db)


async def test_a_draft_waits_its_hours_and_is_finalised_once_by_any_number_of_workers(books: Books) -> None:
    tenant = await sandbox(books, invoicing={"draft_hours": 48})
    [event] = await books.rated(tenant, [await books.customer(tenant)], flat("20"))
    await books.bill([event])
    draft = await only(books, tenant)
    assert (draft.status, draft.number, draft.total_minor, draft.purpose) == ("draft", None, 2000, "period")
    assert draft.finalizes_at == CLOSED_AT + timedelta(hours=48)
    assert await invoicing_worker(books).work_once() == 0
    async with books.db.system() as tx:
        assert await books.invoices.earliest_due(tx, tenant) == draft.finalizes_at
    due = CLOSED_AT + timedelta(hours=48)
    await move(books, tenant, due)
    done = await asyncio.gather(*(invoicing_worker(books).work_once() for _ in range(3)))
    assert sum(done) == 1
    final = await only(books, tenant)
    assert (final.status, final.number, final.issued_at, final.finalizes_at) == ("open", "INV-2026-000001", due, None)
    assert await trial(books, tenant) == {"1200": 2000, "4000": -2000}
    await books.bill([event])
    assert (await only(books, tenant)).id == draft.id, "what the draft claimed is the final invoice's"


async def test_a_period_is_billed_once_while_it_is_a_draft_and_its_draft_stays(books: Books, db: Database) -> None:
    tenant = await sandbox(books, invoicing={"auto_finalize": False})
    events = await books.rated(tenant, [await books.customer(tenant)], flat("20"))
    await asyncio.gather(*(books.bill(events) for _ in range(3)))
    draft = await only(books, tenant)
    assert (draft.status, draft.finalizes_at) == ("draft", None)
    async with db.tenant(tenant) as tx:
        with pytest.raises(Conflict, match="finalise it and void it"):
            await books.invoices.delete_draft(tx, tenant, draft.id)
    async with db.tenant(tenant) as tx:
        with pytest.raises(Invalid, match="what was used and agreed"):
            await books.invoices.change_draft(tx, tenant, draft.id, InvoiceChange(lines=[LineCreate("A", Decimal(1))]))
    async with db.tenant(tenant) as tx:
        changed = await books.invoices.change_draft(tx, tenant, draft.id, InvoiceChange(memo="Hello", net_days=5))
        assert (changed.memo, changed.net_days, changed.total_minor) == ("Hello", 5, 2000)
        final = await books.invoices.finalise(tx, tenant, draft.id)
        assert final.due_at is not None
        assert final.issued_at is not None
        assert (final.due_at - final.issued_at, final.memo) == (timedelta(days=5), "Hello")
        with pytest.raises(Conflict, match="no draft any more"):
            await books.invoices.change_draft(tx, tenant, draft.id, InvoiceChange(memo="Too late"))


async def test_a_draft_takes_the_parties_and_taxes_of_the_moment_in_which_it_is_finalised(
    books: Books, db: Database
) -> None:
    tenant = await sandbox(books, invoicing={"draft_hours": 1})
    await books.customer(tenant)
    lines = [LineCreate("Work", Decimal(10)), LineCreate("More", Decimal(5))]
    async with db.tenant(tenant) as tx:
        draft = await books.invoices.create_draft(tx, tenant, InvoiceCreate("acme", lines))
        changed = await books.invoices.change_draft(tx, tenant, draft.id, InvoiceChange(lines=lines[:1], memo="Less"))
        assert (changed.id, changed.total_minor, len(changed.lines), changed.memo) == (draft.id, 1000, 1, "Less")
        final = await books.invoices.finalise(tx, tenant, draft.id)
    assert (final.number, final.total_minor) == ("INV-2026-000001", 1000)


async def test_the_opening_draft_of_a_subscription_that_expired_goes(books: Books, db: Database) -> None:
    tenant = await sandbox(books, invoicing={"auto_finalize": False})
    customer = await books.customer(tenant)
    opening = await books.rating(
        tenant, customer, charge(1, "recurring", 3000), purpose="opening", request_no=1, closed_at=CLOSED_AT
    )
    await books.bill([opening])
    draft = await only(books, tenant)
    assert draft.status == "draft"
    subscription = opening.payload.subscription_id
    payload = SubscriptionStatusChanged(subscription, "incomplete", "expired")
    told: Any = type(opening)(
        **{name: getattr(opening, name) for name in opening.__struct_fields__} | {"payload": payload}
    )
    async with db.tenants([tenant]) as tx:
        await on_subscription_status_changed(books.invoices, tx, [told])
    async with db.tenant(tenant) as tx:
        assert await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=5) == []


async def test_an_engine_outside_is_asked_until_it_answers_and_nothing_is_final_before(books: Books) -> None:
    tenant = await sandbox(books, invoicing={"tax_engine": "external"}, country="US")
    [event] = await books.rated(tenant, [await books.customer(tenant)], flat("20"))
    await books.bill([event])
    assert (await only(books, tenant)).status == "draft"
    async with engine() as outside:
        outside.answering = _down
        assert await invoicing_worker(books, outside.url).work_once() == 1
        waiting = await only(books, tenant)
        assert (waiting.status, waiting.finalizes_at) == ("draft", CLOSED_AT)
        assert "503" in (waiting.finalize_error or "")
        assert await invoicing_worker(books, outside.url).work_once() == 0, "not again at once"
        outside.answering = TaxEngine().answering
        assert await invoicing_worker(books, outside.url, hours_later=1).work_once() == 1
    final = await only(books, tenant)
    assert (final.status, final.subtotal_minor, final.tax_minor, final.total_minor) == ("open", 2000, 145, 2145)
    assert [(tax.name, tax.rate, tax.tax_minor) for tax in final.taxes] == [("Sales tax", "0.0725", 145)]
    assert await trial(books, tenant) == {"1200": 2145, "2200": -145, "4000": -2000}


async def _down(_: dict[str, Any]) -> web.StreamResponse:
    return web.Response(status=503, text="closed for today")


async def test_one_draft_whose_taxes_nobody_knows_keeps_no_other_from_its_number(books: Books, db: Database) -> None:
    tenant = await sandbox(books, invoicing={"tax_engine": "external"}, country="US")
    customers = [await books.customer(tenant, name) for name in ("a", "b", "c")]
    await books.bill(await books.rated(tenant, customers, flat("20")))

    async def not_for_b(asked: dict[str, Any]) -> web.StreamResponse:
        return await (_down if asked["buyer"]["external_id"] == "b" else TaxEngine().answering)(asked)

    async with engine() as outside:
        outside.answering = not_for_b
        assert await invoicing_worker(books, outside.url).work_once() == 3
    async with db.tenant(tenant) as tx:
        rows = await books.invoices.find(tx, tenant, InvoiceFilter(), after=None, limit=5)
    assert sorted((row.status, row.number) for row in rows if row.number) == [
        ("open", "INV-2026-000001"),
        ("open", "INV-2026-000002"),
    ]
    assert [row.customer_id for row in rows if row.status == "draft"] == [customers[1]]


async def test_finalising_by_hand_where_an_engine_is_asked_is_done_as_soon_as_it_has_answered(
    books: Books, db: Database
) -> None:
    tenant = await sandbox(books, invoicing={"tax_engine": "external", "auto_finalize": False}, country="US")
    await books.customer(tenant)
    async with db.tenant(tenant) as tx:
        order = InvoiceCreate("acme", [LineCreate("Work", Decimal(10))])
        draft = await books.invoices.create_draft(tx, tenant, order)
    async with engine() as outside:
        assert await invoicing_worker(books, outside.url).work_once() == 0
        async with db.tenant(tenant) as tx:
            asked = await books.invoices.finalise(tx, tenant, draft.id)
        assert (asked.status, asked.finalizes_at) == ("draft", CLOSED_AT)
        assert await invoicing_worker(books, outside.url).work_once() == 1
    assert (await only(books, tenant)).total_minor == 1073
