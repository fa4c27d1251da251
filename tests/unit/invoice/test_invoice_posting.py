"""Journals of invoices: every amount in one place, the other way round when voided."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from corebilling.invoice.domain.document import Buyer, Document, Line, LineKind, Seller, Source
from corebilling.invoice.domain.posting import invoice_journal, is_deferred, void_journal, write_off_journal
from corebilling.invoice.domain.tax import LineTax
from corebilling.kernel.charge import Derivation
from corebilling.kernel.journal import Deferral, JournalDraft

TENANT, INVOICE, CUSTOMER = UUID(int=1), UUID(int=2), UUID(int=3)
JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
SOURCE = Source("period", UUID(int=4), JANUARY, FEBRUARY, UUID(int=5), 1, "test")
HOW = Derivation("flat", Decimal(1), (), Decimal(0), 0, "test")


def tax(amount_minor: int, *, inclusive: bool = False) -> LineTax:
    return LineTax("vat", "VAT", "FR", "S", Decimal("0.2"), inclusive, amount_minor * 5, amount_minor)


def line(
    kind: LineKind,
    amount_minor: int,
    *taxes: LineTax,
    product: str | None = None,
    start: datetime | None = JANUARY,
    end: datetime | None = FEBRUARY,
    discount_minor: int = 0,
) -> Line:
    return Line(
        kind, kind, Decimal(1), None, amount_minor, start, end, None, None, HOW,
        discount_minor=discount_minor, product=product, taxes=taxes,
    )  # fmt: skip


def invoice(*lines: Line, source: Source | None = SOURCE) -> Document:
    found = [one for each in lines for one in each.taxes]
    added = sum(one.tax_minor for one in found if not one.inclusive)
    included = sum(one.tax_minor for one in found if one.inclusive)
    total = sum(each.amount_minor for each in lines) + added
    return Document(
        TENANT, INVOICE, CUSTOMER, "EUR", lines, total, Seller("S", "UTC"), Buyer("acme", "Acme", None, "UTC"),
        source, added, included,
    )  # fmt: skip


def posted(document: Document, at: datetime = FEBRUARY) -> JournalDraft:
    journal = invoice_journal(document, at)
    assert journal is not None
    return journal


def entries(journal: JournalDraft) -> dict[str, int]:
    return {
        f"{entry.account}.{entry.product}" if entry.product else entry.account: entry.amount_minor
        for entry in journal.entries
    }


def test_revenue_is_told_apart_by_product_net_of_discounts_and_taxes() -> None:
    journal = posted(
        invoice(
            line("usage", 10000, tax(1800), product="api", discount_minor=-1000),
            line("usage", 600, tax(100, inclusive=True), product="storage"),
            line("discount", -1000),
        )
    )
    assert entries(journal) == {"1200": 11400, "2200": -1900, "4000.api": -9000, "4000.storage": -500}
    assert journal.deferrals == ()


def test_what_is_billed_ahead_is_put_off_until_it_is_earned() -> None:
    journal = posted(
        invoice(
            line("recurring", 3000, tax(600), product="seats", start=FEBRUARY, end=MARCH),
            line("recurring", 500, product="support"),
            line("usage", 700, start=FEBRUARY, end=MARCH),
        )
    )
    assert entries(journal) == {"1200": 4800, "2200": -600, "2400": -3000, "4000": -700, "4000.support": -500}
    assert journal.deferrals == (Deferral(3000, FEBRUARY, MARCH, "seats"),)


def test_a_proration_takes_back_what_was_put_off() -> None:
    journal = posted(
        invoice(line("proration", -1000, start=FEBRUARY, end=MARCH), line("recurring", 3000, start=FEBRUARY, end=MARCH))
    )
    assert entries(journal) == {"1200": 2000, "2400": -2000}
    assert [deferral.amount_minor for deferral in journal.deferrals] == [-1000, 3000]


def test_what_is_carried_is_the_customers_and_no_revenue() -> None:
    put_off = invoice(line("proration", -5000), line("usage", 2000), line("carried", 3000))
    journal = posted(put_off)
    assert (put_off.total_minor, entries(journal)) == (0, {"2310": -3000, "4000": 3000})
    assert next(entry for entry in journal.entries if entry.account == "2310").customer_id == CUSTOMER
    taken = posted(invoice(line("usage", 4000), line("carried", -3000)))
    assert entries(taken) == {"1200": 1000, "2310": 3000, "4000": -4000}


def test_an_invoice_of_nothing_has_no_journal() -> None:
    assert invoice_journal(invoice(), FEBRUARY) is None
    assert invoice_journal(invoice(line("usage", 0)), FEBRUARY) is None


def test_a_callers_line_is_put_off_where_it_has_a_period_that_lies_ahead() -> None:
    ahead, past = line("one_off", 100, start=FEBRUARY, end=MARCH), line("one_off", 100)
    own = invoice(ahead, past, line("one_off", 100, start=None, end=None), source=None)
    assert [is_deferred(own, each, FEBRUARY) for each in own.lines] == [True, False, False]
    assert not is_deferred(invoice(ahead), ahead, FEBRUARY), "a setup fee of a subscription is earned at once"


def test_an_invoice_of_before_is_reversed_as_it_was_posted() -> None:
    old = invoice_journal(invoice(line("recurring", 3000, product="seats", start=FEBRUARY, end=MARCH)), FEBRUARY, 1)
    assert old is not None
    assert (entries(old), old.deferrals) == ({"1200": 3000, "4000": -3000}, ())


def test_a_write_off_is_what_is_left() -> None:
    journal = write_off_journal(TENANT, UUID(int=9), CUSTOMER, "EUR", 700, MARCH, "INV-1")
    assert (entries(journal), journal.document_type) == ({"5100": 700, "1200": -700}, "write_off")


amounts = st.integers(-10_000, 10_000)
kinds = st.sampled_from(["usage", "recurring", "proration", "adjustment", "carried", "one_off", "minimum"])
lines = st.builds(
    lambda kind, amount, vat, inclusive, product, ahead: line(
        kind,
        amount,
        *([] if kind == "carried" or vat is None else [tax(vat, inclusive=inclusive)]),
        product=product,
        **({"start": FEBRUARY, "end": MARCH} if ahead else {}),
    ),
    kinds, amounts, st.none() | st.integers(-500, 500), st.booleans(), st.sampled_from([None, "a", "b"]), st.booleans(),
)  # fmt: skip


@given(st.lists(lines, max_size=8))
def test_whatever_the_lines_are_it_balances_and_owes_the_total_and_a_void_undoes_all_of_it(each: list[Line]) -> None:
    document = invoice(*each)
    journal = invoice_journal(document, FEBRUARY)
    if journal is None:
        assert document.total_minor == 0
        return
    found = entries(journal)
    assert sum(found.values()) == 0
    assert 0 not in found.values()
    assert found.get("1200", 0) == document.total_minor
    assert -found.get("2400", 0) == sum(deferral.amount_minor for deferral in journal.deferrals)
    void = void_journal(journal, "INV-1", MARCH)
    assert entries(void) == {account: -amount for account, amount in found.items()}
    assert void.deferrals == tuple(replace(one, amount_minor=-one.amount_minor) for one in journal.deferrals)


@pytest.mark.parametrize("discount", [-300, 0])
def test_discounts_without_shares_are_taken_off_revenue_all_the_same(discount: int) -> None:
    document = invoice(line("usage", 1000, product="a", discount_minor=discount), line("discount", -300))
    assert sum(amount for account, amount in entries(posted(document)).items() if account.startswith("4000")) == -700
