"""Customers' credit on real books: what invoices it pays, when it comes back, when it ends."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import errors

from books import JANUARY, Books, charge
from corebilling.invoice.wallet_expiry import WalletExpiry
from corebilling.kernel.errors import Conflict
from corebilling.kernel.ids import new_id
from corebilling.kernel.period import Period
from corebilling.kernel.settlement import CreditRefund
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from shops import Shop, journal, new_shop


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    made = await new_shop(Books(db), country="FR")
    yield made
    await made.check()


async def test_credit_pays_the_next_invoice_when_it_is_issued(shop: Shop) -> None:
    bought, given = await shop.grant(3000), await shop.grant(5000, "promotion", priority=10)
    invoice = await shop.invoice("60.00")
    assert (invoice.status, invoice.prepaid_minor, invoice.due_minor) == ("paid", 6000, 0)
    assert (await shop.left(bought.id), await shop.left(given.id)) == (2000, 0)
    assert await shop.balances() == {"1000": 3000, "4900": 5000, "2300": -2000, "4000": -6000}
    assert [one["amount_minor"] for one in await shop.told("credit.applied")] == [5000, 1000]
    assert len(await shop.told("invoice.paid")) == 1


async def test_credit_that_comes_later_pays_an_open_invoice_when_asked(shop: Shop) -> None:
    invoice = await shop.invoice("60.00")
    await shop.grant(2500)
    async with shop.db.tenant(shop.tenant) as tx:
        await shop.wallets.apply(tx, shop.tenant, invoice.id)
    after = await shop.get(invoice.id)
    assert (after.status, after.prepaid_minor, after.due_minor) == ("open", 2500, 3500)
    with pytest.raises(Conflict, match="no EUR credit"):
        async with shop.db.tenant(shop.tenant) as tx:
            await shop.wallets.apply(tx, shop.tenant, invoice.id)
    assert [one["balance_minor"] for one in await shop.told("wallet.depleted")] == [0]


async def test_voiding_gives_the_wallet_its_part_back(shop: Shop) -> None:
    grant = await shop.grant(2500)
    invoice = await shop.invoice("60.00")
    async with shop.db.tenant(shop.tenant) as tx:
        await shop.books.invoices.void(tx, shop.tenant, invoice.id, "wrong customer")
    assert await shop.left(grant.id) == 2500
    assert await shop.balances() == {"1000": 2500, "2300": -2500}
    assert [one["amount_minor"] for one in await shop.told("credit.reversed")] == [2500]


async def test_credit_runs_out_by_the_tenants_time(db: Database) -> None:
    books = Books(db)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    shop = await new_shop(books, sandbox=True, clock_at=start.isoformat())
    tenant = shop.tenant
    bought = await shop.grant(3000, expires_at=(start + timedelta(days=10)).isoformat())
    given = await shop.grant(700, "promotion", expires_at=(start + timedelta(days=11)).isoformat())
    expiry = WalletExpiry(db, clock=wall_clock, sandboxes=books.tenants, wallets=books.wallets)
    await expiry.expire_once()
    assert (await shop.left(bought.id), await shop.left(given.id)) == (3000, 700)
    async with db.system() as tx:
        assert await expiry.earliest_due(tx, tenant) == start + timedelta(days=10)
        await books.tenants.move_clock(tx, tenant, start + timedelta(days=11), done=True)
    await expiry.expire_once()
    assert (await shop.left(bought.id), await shop.left(given.id)) == (0, 0)
    assert await shop.balances() == {"1000": 3000, "4950": -3000}
    async with db.system() as tx:
        assert await expiry.earliest_due(tx, tenant) is None
    await shop.check()


async def test_the_database_refuses_over_credit_and_empty_wallets(shop: Shop) -> None:
    invoice, grant = await shop.invoice("10.00"), await shop.grant(500)
    note = await shop.credit(invoice.id, amount_minor=600)
    refused = (
        ("UPDATE invoice_state SET noted_minor = 1001 WHERE invoice_id = %s", invoice.id),
        ("UPDATE wallets SET balance_minor = -1 WHERE customer_id = %s", shop.customer),
        ("UPDATE wallets SET balance_minor = 400 WHERE customer_id = %s", shop.customer),
        ("UPDATE wallet_grants SET left_minor = -1 WHERE grant_id = %s", grant.id),
        ("UPDATE wallet_grants SET left_minor = 100 WHERE grant_id = %s", grant.id),
        (
            (
                "INSERT INTO wallet_movements (tenant_id, movement_id, grant_id, customer_id, currency, kind, amount_minor, moved_at)"
                " SELECT tenant_id, gen_random_uuid(), grant_id, customer_id, currency, 'draw', 501, now() FROM wallet_grants"
                " WHERE grant_id = %s"
            ),
            grant.id,
        ),
        (
            (
                "INSERT INTO credit_notes (tenant_id, credit_note_id, series, number, customer_id, invoice_id, currency, line_count,"
                " total_minor, applied_minor, unapplied_minor, issued_at, seller, customer, journal_id, created_at)"
                " SELECT tenant_id, gen_random_uuid(), series, number || 'x', customer_id, invoice_id, currency, 1, 500, 0, 500,"
                " issued_at, seller, customer, journal_id, created_at FROM credit_notes WHERE credit_note_id = %s"
            ),
            note.id,
        ),
    )
    for statement, key in refused:
        with pytest.raises(errors.CheckViolation):
            async with shop.db.tenant(shop.tenant) as tx:
                await tx.conn.execute(statement, (key,))
    with pytest.raises(errors.InsufficientPrivilege):
        async with shop.db.tenant(shop.tenant) as tx:
            await tx.conn.execute("DELETE FROM wallet_movements WHERE grant_id = %s", (grant.id,))


async def test_twenty_draws_at_once_never_overdraw(shop: Shop) -> None:
    await shop.grant(400)
    await shop.grant(650)

    async def draw() -> None:
        at = wall_clock()
        async with shop.db.tenant(shop.tenant) as tx:
            drawn = await shop.books.wallets.draw(tx, shop.tenant, shop.customer, "EUR", 100, prefer=None, at=at)
            await shop.books.ledger.post(tx, [journal(shop, "refund", at, ("2300", "2350"), drawn.amount_minor)])

    done = await asyncio.gather(*(draw() for _ in range(20)), return_exceptions=True)
    assert [type(one) for one in done if one is not None] == [Conflict] * 10
    async with shop.db.tenant(shop.tenant) as tx:
        [wallet] = await shop.wallets.find(tx, shop.tenant, customer=str(shop.customer), after=None, limit=10)
    assert wallet.balance_minor == 50


async def test_twenty_invoices_at_once_share_one_wallet(shop: Shop) -> None:
    await shop.grant(1050)
    issued = await asyncio.gather(*(shop.invoice("1.00") for _ in range(20)))
    assert sum(one.prepaid_minor for one in issued) == 1050
    assert sorted(one.due_minor for one in issued) == [0] * 10 + [50] + [100] * 9


async def test_a_refund_has_its_note_and_draws_its_credit(shop: Shop) -> None:
    """60.00 of 100.00 are paid and 30.00 go back: 40.00 are owed as before."""
    invoice = await shop.invoice("100.00")
    await shop.pay(invoice.id, 6000)
    at = wall_clock()
    async with shop.db.tenant(shop.tenant) as tx:
        [drawn] = await shop.books.invoices.refund_credit(
            tx, [CreditRefund(shop.tenant, invoice.id, 3000, "returned", at)]
        )
        await shop.books.ledger.post(tx, [journal(shop, "refund", at, ("2300", "2350"), 3000)])
    assert (drawn.amount_minor, len(drawn.grant_ids), drawn.credit_note_id is not None) == (3000, 1, True)
    assert (await shop.get(invoice.id)).due_minor == 4000
    with pytest.raises(Conflict):
        async with shop.db.tenant(shop.tenant) as tx:
            await shop.books.invoices.refund_credit(tx, [CreditRefund(shop.tenant, invoice.id, 7001, "returned", at)])


async def test_credit_pays_what_periods_come_to(shop: Shop) -> None:
    """Two periods of 15.00 that come at once: 20.00 of credit pay the first and a third of the second."""
    await shop.grant(2000)
    subscription = new_id()
    february = Period(JANUARY.end, datetime(2026, 3, 1, tzinfo=UTC), 1)
    rated = [
        await shop.books.rating(
            shop.tenant, shop.customer, charge(1, "usage", 1500, period=one), period=one, subscription_id=subscription
        )
        for one in (JANUARY, february)
    ]
    await shop.books.bill(rated)
    async with shop.db.tenant(shop.tenant) as tx:
        [left] = await shop.books.invoices.open_invoices(tx, shop.tenant, shop.customer, "EUR")
    assert left.left_minor == 1000
    [paid] = await shop.told("invoice.paid")
    assert paid["subscription_ids"] == [str(subscription)]
