"""Statements add up, join, read in every language, and run nothing in a spreadsheet."""

import csv
import io
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.invoice.domain.statement import StatementLine, drawn_up
from corebilling.invoice.domain.statement_csv import statement_csv
from corebilling.invoice.pdf.statements import printable_statement
from corebilling.invoice.pdf.typesetting import pictures, render
from corebilling.invoice.pdf.words import languages, statement_words
from corebilling.kernel.errors import Invalid
from corebilling.kernel.journal import DocumentType
from corebilling.kernel.period import local_month
from corebilling.kernel.subledger import CustomerAccount, Movement
from documents import BUYER, ID, RIYADH, START, png, statement

ARABIC = msgspec.structs.replace(BUYER, name="شركة النور للتقنية", address=RIYADH, locale="ar")
NUMBER = "INV-2026-000123"


def movement(amount_minor: int, kind: Any = "invoice", document: int = 1) -> Movement:
    return Movement(UUID(int=9), kind, UUID(int=document), START, "Invoice", amount_minor)


def account(opening_minor: int, *amounts: int) -> CustomerAccount:
    return CustomerAccount(ID, "EUR", opening_minor, tuple(movement(amount) for amount in amounts))


amounts = st.integers(-(10**12), 10**12)


@given(amounts, st.lists(amounts, max_size=20), st.none() | amounts)
def test_the_lines_lead_from_the_opening_to_the_closing_balance(
    opening: int, moved: list[int], stated: int | None
) -> None:
    found = drawn_up(account(opening, *moved), stated, {}, START)
    if found is None:
        assert (opening, moved, stated or 0) == (0, [], 0)
        return
    assert found.opening_minor == (opening if stated is None else stated)
    assert found.closing_minor == opening + sum(moved), "the ledger's balance, whatever was stated before"
    balance = found.opening_minor
    for line in found.lines:
        balance += line.amount_minor
        assert line.balance_minor == balance
    assert balance == found.closing_minor
    assert min(found.charged_minor, found.settled_minor) >= 0


def test_what_was_posted_late_for_a_stated_period_is_the_first_line() -> None:
    found = drawn_up(account(700, 300), 1000, {UUID(int=1): NUMBER}, START)
    assert found is not None
    assert [(line.kind, line.number, line.amount_minor, line.balance_minor) for line in found.lines] == [
        ("earlier", None, -300, 700),
        ("invoice", NUMBER, 300, 1000),
    ]
    assert (found.opening_minor, found.closing_minor) == (1000, 1000)


def test_nobody_who_owes_nothing_and_did_nothing_gets_one() -> None:
    assert drawn_up(account(0), None, {}, START) is None
    assert drawn_up(account(0), 0, {}, START) is None
    assert drawn_up(account(5), None, {}, START) is not None
    assert drawn_up(account(0), 5, {}, START) is not None, "what was owed is owed no more, which has to be said"
    assert drawn_up(account(0, 0), None, {}, START) is not None, "credit that paid an invoice is a movement"


def shown(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_table_has_both_balances_and_a_row_for_each_line() -> None:
    at = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    lines = (
        StatementLine(at, "invoice", NUMBER, "Invoice", 27154, 27154, ID, ID),
        StatementLine(at, "payment", None, '=HYPERLINK("http://x")', -30000, -2846, ID, ID),
    )
    period = local_month("2026-01", "Europe/Berlin")
    text = statement_csv(
        lines, currency="EUR", period=period, opening_minor=0, closing_minor=-2846, local=ZoneInfo("Europe/Berlin")
    )
    header, opening, invoice, payment, closing = shown(text)
    assert header[-1] == "currency"
    assert opening == ["2026-01-01", "opening_balance", "", "", "", "", "0.00", "EUR"]
    assert invoice == ["2026-02-01", "invoice", NUMBER, "Invoice", "271.54", "", "271.54", "EUR"]
    assert payment[3:] == ['\'=HYPERLINK("http://x")', "", "300.00", "-28.46", "EUR"]
    assert closing == ["2026-02-01", "closing_balance", "", "", "", "", "-28.46", "EUR"]


@pytest.mark.parametrize("code", sorted(languages()))
def test_every_language_has_words_for_all_kinds_of_lines(code: str) -> None:
    words = msgspec.structs.asdict(statement_words(code))
    kinds = set(get_args(DocumentType)) - {"revenue_recognition", "manual"}
    assert kinds <= words.keys(), "both others never touch a customer's account"
    named = {name for name, text in words.items() if "{number}" in text}
    assert named == {
        "invoice", "invoice_void", "credit_note", "write_off", "recovery", "wallet_application", "wallet_reversal"
    }  # fmt: skip
    assert code == "en" or words["statement"] != statement_words("en").statement
    moved = [(kind, NUMBER if kind in named else None, 100) for kind in sorted(kinds)]
    printed = printable_statement(statement(*moved, buyer=msgspec.structs.replace(BUYER, locale=code)))
    assert all(row.description for row in printed.rows)
    assert render(printed).startswith(b"%PDF-")


def test_amounts_stand_on_their_side_and_the_balance_runs_along() -> None:
    printed = printable_statement(
        statement(
            ("invoice", NUMBER, 27154), ("wallet_application", NUMBER, 0), ("payment", None, -30000),
            descriptions=["Invoice", "Credit used", "Payment of invoice INV-2026-000123"],
        )
    )  # fmt: skip
    assert [(row.description, row.remark, row.charged, row.settled, row.balance) for row in printed.rows] == [
        (f"Invoice {NUMBER}", "", "271.54", "", "271.54"),
        (f"Credit used for invoice {NUMBER}", "", "", "", "271.54"),
        ("Payment", "Payment of invoice INV-2026-000123", "", "300.00", "−28.46"),
    ]
    assert (printed.opening, printed.closing) == ("0.00", "−€28.46")
    assert printed.terms == "A negative balance is in your favour."
    assert not printed.payment, "nobody is asked for money that isn't owed"


def test_who_owes_something_is_told_where_to_pay() -> None:
    printed = printable_statement(statement(("invoice", NUMBER, 100)))
    assert ("Reference", "cust_42") in printed.payment
    assert printed.terms is None
    assert printable_statement(statement(("payment", None, -100), opening=100)).terms == "Nothing is left to pay."


def test_the_same_statement_gives_the_same_bytes_and_hostile_text_is_only_text() -> None:
    hostile = '#panic("no") $x$ *b* \\ #sys.inputs " < 漢字 שלום'
    content = statement(
        ("payment", None, -100), descriptions=[hostile], buyer=msgspec.structs.replace(BUYER, name=hostile)
    )
    content = msgspec.structs.replace(content, logo=png())
    assert render(printable_statement(content)) == render(printable_statement(content))


def test_long_ones_go_over_many_pages_and_arabic_ones_from_right_to_left() -> None:
    long = printable_statement(statement(*[("invoice", NUMBER, 100)] * 120, buyer=ARABIC))
    assert long.right_to_left
    assert len(pictures(long, dots_per_inch=20)) > 2


@pytest.mark.parametrize("text", ["2026-13", "2026", "1969-12", "9999-12", "2026-01-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        local_month(text, "UTC")


def test_a_month_is_the_zones_own() -> None:
    start, end = local_month("2026-03", "Europe/Berlin")
    assert (start, end) == (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert local_month("2026-12", "UTC")[1] == datetime(2027, 1, 1, tzinfo=UTC)
