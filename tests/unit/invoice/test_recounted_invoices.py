"""Invoices computed again, figure by figure, without a database."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from corebilling.invoice.domain.document import Buyer, Document, Seller, one_off_line
from corebilling.invoice.domain.findings import Difference
from corebilling.invoice.domain.numbering import running_number
from corebilling.invoice.domain.posting import invoice_journal, void_journal
from corebilling.invoice.domain.recounted_journals import of_journal
from corebilling.invoice.domain.recounted_lines import of_caller
from corebilling.invoice.domain.recounted_standing import Settled, Standing, of_number, of_settlement
from corebilling.invoice.domain.recounted_taxes import of_taxes, of_totals, rounding_of
from corebilling.invoice.domain.tax import AppliedRate, assess
from corebilling.invoice.domain.taxed import taxed
from corebilling.kernel.journal import JournalDraft, PostedEntry, PostedJournal
from corebilling.kernel.party import TaxRounding
from corebilling.kernel.settlement import Receipt

ONE, TWO, AT = UUID(int=1), UUID(int=2), datetime(2026, 2, 1, tzinfo=UTC)
VAT = AppliedRate("vat", "VAT", "FR", "S", Decimal("0.2"), False)
WITHIN = AppliedRate("food", "Food tax", "FR", "S", Decimal("0.055"), True)


def document(amounts: list[str], rounding: TaxRounding = "line") -> Document:
    """A one-off invoice whose lines bear both taxes."""
    lines = tuple(one_off_line(f"Line {n}", Decimal(3), None, Decimal(a), "EUR") for n, a in enumerate(amounts))
    plain = Document(
        ONE, TWO, ONE, "EUR", lines, sum(line.amount_minor for line in lines), Seller("S", "UTC"),
        Buyer("b", "B", None, "UTC"), None,
    )  # fmt: skip
    return taxed(plain, assess(lines, [(VAT, WITHIN)] * len(lines), rounding))


def posted(draft: JournalDraft) -> PostedJournal:
    entries = tuple(
        PostedEntry(e.account + (f".{e.product}" if e.product else ""), e.amount_minor, e.customer_id)
        for e in draft.entries
    )
    return PostedJournal(ONE, draft.document_type, draft.document_id, draft.currency, AT, entries, draft.deferrals)


amounts = st.lists(st.decimals("0.001", "999", places=3).map(str), min_size=1, max_size=6)


@given(amounts, st.sampled_from(["line", "invoice"]))
def test_what_was_computed_comes_out_again(lines: list[str], rounding: TaxRounding) -> None:
    made = document(lines, rounding)
    assert list(of_caller(made)) == list(of_taxes(made)) == []
    assert list(of_totals(made, made.included_tax_minor, made.subtotal_minor)) == []
    assert rounding_of(made) in ("line", rounding)
    journal = invoice_journal(made, AT)
    assert journal is not None or not made.total_minor
    if journal is not None:
        assert list(of_journal(journal, [posted(journal)])) == []
        assert list(of_journal(void_journal(journal, "INV-1", AT), [posted(journal)])) != []


@given(amounts, st.sampled_from((-4, -3, 3, 4)))
def test_a_tax_that_is_off_is_named_with_both_figures(lines: list[str], off: int) -> None:
    made = document(lines)
    line = made.lines[0]
    wrong = replace(line.taxes[0], tax_minor=line.taxes[0].tax_minor + off)
    changed = replace(made, lines=(replace(line, taxes=(wrong, *line.taxes[1:])), *made.lines[1:]))
    found = [one for one in of_taxes(changed) if one.figure == "tax vat: tax_minor"]
    assert found, "either way of rounding leaves a unit at most"
    assert "tax_minor" in {one.figure for one in of_totals(changed, made.included_tax_minor, made.subtotal_minor)}


def test_an_engines_tax_need_only_fit_its_rate() -> None:
    made = replace(document(["10"]), tax_reference="doc-1")
    line = made.lines[0]
    near, far = (replace(line.taxes[0], tax_minor=line.taxes[0].tax_minor + off) for off in (1, 9))
    assert list(of_taxes(replace(made, lines=(replace(line, taxes=(near,)),)))) == []
    assert [one.line_no for one in of_taxes(replace(made, lines=(replace(line, taxes=(far,)),)))] == [1]


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        ({"amount_minor": 1}, "amount_minor"),
        ({"quantity": Decimal(4)}, "quantity"),
        ({"description": "Else"}, "description"),
    ],
)
def test_a_line_that_a_caller_did_not_write_is_named(change: dict[str, object], figure: str) -> None:
    made = document(["10", "20"])
    changed = replace(made, lines=(made.lines[0], replace(made.lines[1], **change)))
    found = list(of_caller(changed))
    assert (2, figure) in {(one.line_no, one.figure) for one in found}
    assert {one.line_no for one in found} == {2}


def test_money_that_was_reopened_is_not_paid() -> None:
    state = Standing("open", 1_000, 400, 0, 100, 0)
    paid = Receipt(TWO, ONE, "succeeded", "cash", "manual", "till", ONE, AT, 700, 300, 0)
    assert list(of_settlement(state, 1_000, Settled(prepaid_minor=100), [paid])) == []
    assert list(of_settlement(state, 1_000, Settled(), [replace(paid, reopened_minor=0)])) == [
        Difference(None, "paid_minor", "400", "700"),
        Difference(None, "prepaid_minor", "100", "0"),
    ]
    late = replace(state, status="paid")
    assert [one.figure for one in of_settlement(late, 1_000, Settled(prepaid_minor=100), [paid])] == ["status"]


@pytest.mark.parametrize(
    ("number", "series", "running"),
    [
        ("INV-2026-000012", "INV-2026", 12),
        ("INV2026/7", "INV2026", 7),
        ("INV-2027-000012", "INV-2026", None),
        ("INV-2026-", "INV-2026", None),
        ("INV-2026-1x", "INV-2026", None),
    ],
)
def test_a_number_is_one_that_its_series_gave(number: str, series: str, running: int | None) -> None:
    assert running_number(number, series) == running
    assert bool(list(of_number(number, series, 12))) == (running is None)
    assert list(of_number(number, series, 3)) or (running is not None and running <= 3)
    assert list(of_number(number, series, None)) != []
