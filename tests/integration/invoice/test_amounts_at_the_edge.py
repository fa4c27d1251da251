"""Amounts and periods as large as documents hold: refused with the reason, or right to the last minor unit."""

from datetime import UTC, datetime
from typing import Any

import pytest

from books import Books
from corebilling.invoice.receivables import Receivables
from corebilling.kernel.errors import Invalid
from corebilling.platform.db import Database
from shops import Shop, new_shop

AHEAD = "2026-01-01T00:00:00Z"


@pytest.fixture
async def shop(db: Database) -> Shop:
    made = await new_shop(Books(db), country="FR")
    await made.vat()
    return made


def huge(quantity: str, *, sign: str = "", **more: Any) -> dict[str, Any]:
    """So many thousandths of what a document holds."""
    return {"description": "Huge", "quantity": quantity, "unit_amount": f"{sign}92233720368547"} | more


async def test_totals_beyond_a_document_are_refused_with_what_to_do(shop: Shop) -> None:
    for lines, why in (
        ([huge("1000")], "the lines and their taxes add up to more than an invoice can hold; split it into several"),
        ([huge("1001")], "larger than a document can hold"),
        ([huge("700"), huge("700")], "the lines add up to more than an invoice can hold; split it into several"),
        (
            [huge("700", product="a"), huge("700", product="b"), huge("700", sign="-", product="c")],
            "larger than a journal can hold; split the document",
        ),
    ):
        with pytest.raises(Invalid, match=why):
            await shop.invoice(lines=lines)
    await shop.check()


async def test_several_invoices_may_owe_more_than_a_document_holds(shop: Shop) -> None:
    owed = [(await shop.invoice(lines=[huge("800")])).total_minor for _ in range(2)]
    assert sum(owed) > 2**63
    now = datetime.now(UTC)
    async with shop.db.tenant(shop.tenant) as tx:
        (total,) = await Receivables().aged(tx, shop.tenant, now, currency=None, customer_id=None)
        (theirs,) = await Receivables().aged_customers(tx, shop.tenant, now, currency=None, customer_id=None, limit=2)
    assert total.not_due_minor == theirs.not_due_minor == sum(owed)
    note = await shop.credit((await shop.invoice(lines=[huge("830")])).id)
    assert (note.total_minor, note.tax_minor) == (9186478548707281200, 1531079758117880200)
    await shop.check()


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (AHEAD, "9999-12-31T00:00:00Z", "the years 1900 to 2200"),
        ("0001-01-01T00:00:00Z", "2026-12-31T00:00:00Z", "the years 1900 to 2200"),
        (AHEAD, "2077-01-01T00:00:00Z", "at most 50 years"),
    ],
)
async def test_a_line_is_earned_over_a_lifetime_at_most(shop: Shop, start: str, end: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        await shop.invoice(
            lines=[{"description": "Forever", "unit_amount": "100", "period_start": start, "period_end": end}]
        )
