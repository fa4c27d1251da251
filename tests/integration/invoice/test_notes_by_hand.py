"""Credit notes by hand and of refunds: what is given back of an invoice, with its tax, and never more than that."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from books import JANUARY, Books, charge
from corebilling.invoice.credit_notes import CreditNoteFilter
from corebilling.invoice.schemas.credit_notes import CreditNoteDetailOut
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.period import Period
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from shops import Shop, new_shop


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    made = await new_shop(Books(db), country="FR")
    yield made
    await made.check()


async def test_a_note_of_a_line_gives_its_tax_back_and_lowers_what_is_owed(shop: Shop) -> None:
    await shop.vat()
    invoice = await shop.invoice("100.00", "50.00")
    note = await shop.credit(invoice.id, lines=[{"line_no": 2, "amount_minor": 2500}])
    assert (note.subtotal_minor, note.tax_minor, note.total_minor, note.applied_minor) == (2500, 500, 3000, 3000)
    assert (note.lines[0].billed_minor, note.lines[0].corrected_minor, note.lines[0].invoice_line_no) == (5000, 2500, 2)
    after = await shop.get(invoice.id)
    assert (after.status, after.credited_minor, after.due_minor) == ("open", 3000, 15000)
    assert await shop.balances() == {"1200": 15000, "4000": -12500, "2200": -2500}


async def test_a_full_note_of_a_paid_invoice_fills_the_wallet(shop: Shop) -> None:
    await shop.vat()
    invoice = await shop.invoice("100.00", "-30.00")
    await shop.pay(invoice.id)
    note = await shop.credit(invoice.id, settlement="refund")
    assert (note.total_minor, note.tax_minor, note.balance_minor, note.refund) == (8400, 1400, 8400, True)
    assert note.grant_id is not None
    assert await shop.left(note.grant_id) == 8400
    assert await shop.balances() == {"1000": 8400, "2300": -8400}
    [issued] = await shop.told("credit.issued")
    assert (issued["refund"], issued["grant_id"], issued["unapplied_minor"]) == (True, str(note.grant_id), 8400)
    with pytest.raises(Conflict, match="nothing left to credit"):
        await shop.credit(invoice.id)


async def test_no_more_is_credited_than_was_billed(shop: Shop) -> None:
    invoice = await shop.invoice("100.00")
    await shop.credit(invoice.id, amount_minor=9999)
    with pytest.raises(Conflict, match="more than the 1 left"):
        await shop.credit(invoice.id, amount_minor=2)
    with pytest.raises(Conflict):
        await shop.credit(invoice.id, lines=[{"line_no": 1, "amount_minor": 2}])
    with pytest.raises(Invalid):
        await shop.credit(invoice.id, lines=[{"line_no": 2}])
    with pytest.raises(NotFound):
        await shop.credit(new_id())
    await shop.credit(invoice.id)


async def test_twenty_notes_at_once_never_give_back_more_than_the_invoice(shop: Shop) -> None:
    await shop.vat()
    invoice = await shop.invoice("10.00")
    await shop.pay(invoice.id, 700)
    done = await asyncio.gather(*(shop.credit(invoice.id, amount_minor=100) for _ in range(20)), return_exceptions=True)
    notes = [one for one in done if isinstance(one, CreditNoteDetailOut)]
    assert all(isinstance(one, CreditNoteDetailOut | Conflict) for one in done), done
    assert (len(notes), sum(one.total_minor for one in notes), sum(one.tax_minor for one in notes)) == (12, 1200, 200)
    assert sorted(one.number for one in notes) == [f"CN-{notes[0].issued_at.year}-{n:06}" for n in range(1, 13)]
    assert (await shop.get(invoice.id)).status == "paid"


async def test_what_was_billed_ahead_is_put_off_no_more(shop: Shop) -> None:
    now = wall_clock()
    line = {"description": "Year", "unit_amount": "120.00", "period_start": now.isoformat(),
            "period_end": (now + timedelta(days=365)).isoformat()}  # fmt: skip
    invoice = await shop.invoice(lines=[line])
    note = await shop.credit(invoice.id, amount_minor=3000)
    assert note.applied_minor == 3000
    assert await shop.balances() == {"1200": 9000, "2400": -9000}


async def test_quantities_are_credited_in_proportion(shop: Shop) -> None:
    await shop.vat(rate="0.19", inclusive=True)
    line = {"description": "Hours", "unit_amount": "10.00", "quantity": "3"}
    invoice = await shop.invoice(lines=[line])
    note = await shop.credit(invoice.id, lines=[{"line_no": 1, "quantity": "1"}])
    assert (note.total_minor, note.tax_minor, note.included_tax_minor) == (1000, 0, 160)
    assert Decimal(note.lines[0].quantity) == 1


async def test_what_rating_corrects_goes_to_the_wallet_with_the_tax_of_the_line(db: Database) -> None:
    """15.00 of January and 3.00 of tax are paid; 5.00 were wrong, so 6.00 come back."""
    shop = await new_shop(Books(db), correction_mode="credit_note", country="FR")
    await shop.vat()
    subscription, books, usage = new_id(), shop.books, charge(1, "usage", 1500)
    rated = await books.rating(shop.tenant, shop.customer, usage, subscription_id=subscription)
    await books.bill([rated])
    async with db.tenant(shop.tenant) as tx:
        [january] = await books.invoices.open_invoices(tx, shop.tenant, shop.customer, None)
    assert (january.total_minor, january.subscription_ids) == (1800, (subscription,))
    await shop.pay(january.invoice_id)
    credit = msgspec.structs.replace(charge(1, "credit_note", -500, billed_minor=1500), price_id=usage.price_id)
    february = Period(JANUARY.end, datetime(2026, 3, 1, tzinfo=UTC), 1)
    rated = await books.rating(shop.tenant, shop.customer, credit, period=february, subscription_id=subscription)
    await books.bill([rated])
    async with db.tenant(shop.tenant) as tx:
        [row] = await books.invoices.find_credit_notes(
            tx, shop.tenant, CreditNoteFilter(str(shop.customer), january.invoice_id), after=None, limit=10
        )
        note = await books.invoices.get_credit_note(tx, shop.tenant, row.id)
    assert (note.subtotal_minor, note.tax_minor, note.total_minor, note.balance_minor) == (500, 100, 600, 600)
    assert (note.lines[0].invoice_line_no, note.lines[0].taxes[0].taxable_minor) == (1, 500)
    assert note.grant_id is not None
    assert await shop.left(note.grant_id) == 600
    assert await shop.balances() == {"1000": 1800, "2200": -200, "2300": -600, "4000": -1000}
    with pytest.raises(Conflict, match="more than the 1200 left"):
        await shop.credit(january.invoice_id, amount_minor=1201)
    await shop.credit(january.invoice_id)
    await shop.check()
