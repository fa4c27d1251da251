"""Money for invoices, and money that goes back: receivables are what is left of open invoices."""

from collections.abc import AsyncIterator

import pytest

from books import Books
from corebilling.kernel.errors import Conflict
from corebilling.kernel.settlement import GrantDraft, Reversal, Settlement
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from shops import Shop, journal, new_shop


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    made = await new_shop(Books(db), country="FR")
    yield made
    await made.check()


async def test_money_that_goes_back_opens_the_invoice_again(shop: Shop) -> None:
    invoice = await shop.invoice("100.00")
    await shop.pay(invoice.id)
    at = wall_clock()
    async with shop.db.tenant(shop.tenant) as tx:
        [owed] = await shop.books.invoices.unsettle(tx, [Reversal(shop.tenant, invoice.id, 4000, at)])
        await shop.books.ledger.post(tx, [journal(shop, "dispute", at, ("1200", "1100"), 4000)])
        [found] = await shop.books.invoices.open_invoices(tx, shop.tenant, shop.customer, "EUR")
    assert (owed.left_minor, found.left_minor, (await shop.get(invoice.id)).status) == (4000, 4000, "open")
    with pytest.raises(Conflict, match="can't go back"):
        async with shop.db.tenant(shop.tenant) as tx:
            await shop.books.invoices.unsettle(tx, [Reversal(shop.tenant, invoice.id, 6001, at)])


async def test_money_for_an_invoice_that_was_given_up_takes_the_write_off_back(shop: Shop) -> None:
    invoice = await shop.invoice("100.00")
    async with shop.db.tenant(shop.tenant) as tx:
        await shop.books.invoices.give_up(tx, shop.tenant, invoice.id, "insolvent")
    await shop.check()
    assert await shop.pay(invoice.id, 3000) == 7000
    assert (await shop.get(invoice.id)).status == "open"
    assert await shop.balances() == {"1000": 3000, "1200": 7000, "4000": -10000}


async def test_money_that_has_arrived_takes_what_an_invoice_can_take(shop: Shop) -> None:
    invoice = await shop.invoice("10.00")
    at = wall_clock()
    async with shop.db.tenant(shop.tenant) as tx:
        settled = await shop.books.invoices.settle(
            tx, [Settlement(shop.tenant, invoice.id, 700, None, at, at_most=True) for _ in range(3)]
        )
        posted = journal(shop, "payment", at, ("1000", "1200"), 1000)
        [journal_id] = await shop.books.ledger.post(tx, [posted])
        await shop.books.ledger.post(tx, [journal(shop, "payment", at, ("1000", "2300"), 1100)])
        draft = GrantDraft(shop.tenant, shop.customer, "EUR", 1100, "overpayment", at, posted.document_id, journal_id)
        await shop.books.wallets.grant(tx, [draft])
    assert [one.amount_minor for one in settled] == [700, 300, 0]
