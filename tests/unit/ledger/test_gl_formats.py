"""What other ledgers read: beancount itself loads it, and every text holds what the journals hold."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from beancount import loader
from beancount.core.data import Open, Transaction
from hypothesis import given
from hypothesis import strategies as st

from corebilling.ledger.domain.gl_formats import ExportedEntry, ExportedJournal, Format, body, heading

AT = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
CUSTOMER = UUID(int=7)
CHART = (
    ExportedEntry("1200", "Accounts receivable", "asset", None, 0, None),
    ExportedEntry("2200", "Tax payable", "liability", "Umsatzsteuer 19 %", 0, None),
    ExportedEntry("4000.api-calls", "Revenue: api-calls", "revenue", None, 0, None),
    ExportedEntry("4000", "Revenue", "revenue", "Income:Sales", 0, None),
)


def entry(number: int, amount_minor: int, customer: UUID | None = None) -> ExportedEntry:
    return msgspec.structs.replace(CHART[number], amount_minor=amount_minor, customer_id=customer)


def journal(description: str, *amounts: int, currency: str = "EUR") -> ExportedJournal:
    entries = [entry(number + 1, -amount) for number, amount in enumerate(amounts)]
    total = entry(0, sum(amounts), CUSTOMER)
    return ExportedJournal(
        UUID(int=1), "invoice", UUID(int=2), currency, date(2026, 2, 1), AT, AT, description, (total, *entries)
    )


def text(kind: Format, *journals: ExportedJournal) -> str:
    return heading(kind, CHART) + body(kind, journals)


nasty = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)
amounts = st.integers(-(10**14), 10**14).filter(bool)


@given(
    nasty,
    st.lists(amounts, min_size=1, max_size=3).filter(lambda found: sum(found) != 0),
    st.sampled_from(("EUR", "JPY", "KWD")),
)
def test_beancount_loads_it_without_an_error_and_to_the_minor_unit(
    description: str, minor: list[int], currency: str
) -> None:
    made = journal(description, *minor, currency=currency)
    entries, errors, _ = loader.load_string(text("beancount", made))
    assert errors == []
    (booked,) = (one for one in entries if isinstance(one, Transaction))
    digits = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    assert [posting.units.number for posting in booked.postings] == [
        Decimal(one.amount_minor).scaleb(-digits) for one in made.entries
    ]
    assert (booked.date, booked.meta["journal"]) == (date(2026, 2, 1), str(UUID(int=1)))


def test_accounts_are_opened_under_their_roots_and_by_the_tenants_names() -> None:
    entries, errors, _ = loader.load_string(heading("beancount", CHART))
    assert errors == []
    assert {one.account for one in entries if isinstance(one, Open)} == {
        "Assets:1200:Accounts-receivable",
        "Liabilities:Umsatzsteuer-19",
        "Income:4000:Api-calls:Revenue",
        "Income:Sales",
    }


def test_hledger_text_reads_as_one_would_write_it() -> None:
    assert body("hledger", [journal("Invoice; with | marks", 1900, 10000)]) == (
        "2026-02-01 (00000000-0000-0000-0000-000000000001) Invoice with marks"
        "  ; invoice:00000000-0000-0000-0000-000000000002\n"
        "    Assets:Accounts receivable  119.00 EUR  ; customer:00000000-0000-0000-0000-000000000007\n"
        "    Umsatzsteuer 19 %  -19.00 EUR\n"
        "    Income:Revenue:api-calls  -100.00 EUR\n\n"
    )


@given(nasty, st.lists(amounts, min_size=1, max_size=3).filter(lambda found: sum(found) != 0))
def test_csv_keeps_text_whole_and_debits_equal_credits(description: str, minor: list[int]) -> None:
    rows = list(csv.DictReader(io.StringIO(text("csv", journal(description, *minor)), newline="")))
    assert sum(Decimal(row["debit"] or 0) for row in rows) == sum(Decimal(row["credit"] or 0) for row in rows)
    assert rows[0]["description"].lstrip("'") == description.lstrip("'")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_spreadsheet_runs_nothing_of_it(start: str) -> None:
    rows = list(csv.DictReader(io.StringIO(text("csv", journal(f"{start}HYPERLINK(1)", 100)), newline="")))
    assert rows[0]["description"] == f"'{start}HYPERLINK(1)"


def test_json_lines_hold_minor_units() -> None:
    (line,) = text("jsonl", journal("Invoice", 1900)).splitlines()
    read = msgspec.json.decode(line)
    assert [(one["account"], one["amount_minor"]) for one in read["entries"]] == [
        ("1200", 1900),
        ("Umsatzsteuer 19 %", -1900),
    ]
