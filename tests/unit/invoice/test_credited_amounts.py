"""What notes give back of a line: in parts, however it is split, exactly the line and its taxes."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from corebilling.invoice.domain.creditable import Creditable, all_left, creditable, in_proportion
from corebilling.invoice.domain.document import Buyer, Document, Line, Seller
from corebilling.invoice.domain.tax import AppliedRate, assess
from corebilling.kernel.charge import Derivation
from corebilling.kernel.errors import Conflict

TENANT, INVOICE, CUSTOMER = UUID(int=1), UUID(int=2), UUID(int=3)
JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def line(amount_minor: int, kind: str = "recurring", discount_minor: int = 0) -> Line:
    how = Derivation("flat", Decimal(1), (), Decimal(0), 0, "test")
    return Line(kind, kind, Decimal(1), None, amount_minor, JANUARY, FEBRUARY, None, None, how, None, discount_minor)  # type: ignore[arg-type]


def rate(percent: int, *, inclusive: bool = False, name: str = "VAT") -> AppliedRate:
    return AppliedRate(f"{name}-{percent}", name, "FR", "S" if percent else "Z", Decimal(percent) / 100, inclusive)


def invoice(lines: list[Line], rates: list[list[AppliedRate]]) -> Document:
    taxed = [replace(one, taxes=taxes) for one, taxes in zip(lines, assess(lines, rates, "line"), strict=True)]
    added = sum(tax.tax_minor for one in taxed for tax in one.taxes if not tax.inclusive)
    within = sum(tax.tax_minor for one in taxed for tax in one.taxes if tax.inclusive)
    total = sum(one.amount_minor for one in taxed) + added
    return Document(
        TENANT, INVOICE, CUSTOMER, "EUR", tuple(taxed), total, Seller("S", "UTC"), Buyer("b", "B", None, "UTC"), None,
        added, within,
    )  # fmt: skip


percents = st.integers(0, 30)
rates = st.lists(st.builds(rate, percents, inclusive=st.booleans()), max_size=3)


cuts = st.lists(st.integers(0, 100), max_size=6).map(lambda some: [*some, None])
"""How much of what is left each note takes, in percent; the last takes all."""


@st.composite
def invoices(draw: st.DrawFn) -> Document:
    """Lines of both signs with discounts, carried credit and up to three taxes each; a total that isn't negative."""
    amounts = draw(st.lists(st.integers(1, 100_000), min_size=1, max_size=5))
    lines = [line(amount) for amount in amounts]
    if draw(st.booleans()):
        lines.append(line(-draw(st.integers(1, sum(amounts))), "proration"))
    left = sum(one.amount_minor for one in lines)
    if left > 1 and draw(st.booleans()):
        share = draw(st.integers(1, min(left, amounts[0])))
        lines[0] = replace(lines[0], discount_minor=-share)
        lines.append(line(-share, "discount"))
        left -= share
    if left > 1 and draw(st.booleans()):
        lines.append(line(-draw(st.integers(1, left)), "carried"))
    return invoice(lines, [draw(rates) for _ in lines])


@given(invoices())
def test_the_lines_are_the_total(document: Document) -> None:
    assert sum(one.gross_minor for one in creditable(document, {})) == document.total_minor


@given(invoices(), st.data())
def test_notes_in_parts_add_up_to_exactly_the_invoice_and_its_taxes(document: Document, data: st.DataObject) -> None:
    noted: dict[int, int] = {}
    given_back: dict[tuple[int, int], int] = {}
    amounts: dict[int, int] = {}
    left = document.total_minor
    for cut in data.draw(cuts):
        if not left:
            break
        amount = left if cut is None else max(left * cut // 100, 1)
        parts = in_proportion(creditable(document, noted), amount, left)
        assert sum(part.gross_minor for part in parts) == amount
        for part in parts:
            noted[part.line_no] = noted.get(part.line_no, 0) + part.gross_minor
            amounts[part.line_no] = amounts.get(part.line_no, 0) + part.amount_minor
            for n, tax in enumerate(part.taxes):
                given_back[part.line_no, n] = given_back.get((part.line_no, n), 0) + tax.tax_minor
        left -= amount
    for one in creditable(document, {}):
        if one.gross_minor and document.total_minor:
            assert amounts.get(one.line_no, 0) == one.base_minor
            assert [given_back.get((one.line_no, n), 0) for n in range(len(one.line.taxes))] == [
                tax.tax_minor for tax in one.line.taxes
            ]
    if document.total_minor:
        with pytest.raises(Conflict):
            all_left(creditable(document, noted), 0)


@given(st.integers(1, 100_000), rates, st.data())
def test_an_amount_of_a_line_is_given_back_as_asked_with_its_tax_on_top(
    amount: int, taxes: list[AppliedRate], data: st.DataObject
) -> None:
    [one] = creditable(invoice([line(amount)], [taxes]), {})
    left = amount
    for cut in data.draw(cuts):
        if not left:
            break
        wanted = left if cut is None else max(left * cut // 100, 1)
        part = one.part(one.gross_of(wanted))
        assert part.amount_minor == wanted
        one = replace(one, noted_minor=one.noted_minor + part.gross_minor)
        left -= wanted
    assert one.left_minor == 0


def test_tax_goes_along_in_proportion_and_the_last_part_has_the_rest() -> None:
    """10.00 at 19 %: thirds of it have 0.63, 0.64 and 0.63 of the 1.90."""
    [one] = creditable(invoice([line(1000)], [[rate(19)]]), {})
    taxes = []
    for part_minor in (333, 333, 334):
        part = one.part(one.gross_of(part_minor))
        taxes.append(part.taxes[0].tax_minor)
        one = replace(one, noted_minor=one.noted_minor + part.gross_minor)
    assert taxes == [63, 64, 63]


def test_no_more_than_is_left_is_given_back() -> None:
    lines = creditable(invoice([line(1000), line(-300, "proration")], [[rate(20)], [rate(20)]]), {})
    assert [one.gross_minor for one in lines] == [1200, -360]
    with pytest.raises(Conflict, match="840"):
        in_proportion(lines, 841, 840)
    assert [(part.amount_minor, part.gross_minor) for part in all_left(lines, 840)] == [(1000, 1200), (-300, -360)]


def test_what_a_discount_took_off_is_not_given_back() -> None:
    lines = creditable(invoice([line(1000, discount_minor=-100), line(-100, "discount")], [[rate(20)], []]), {})
    assert [(one.line_no, one.base_minor, one.gross_minor) for one in lines] == [(1, 900, 1080)]


def test_discounts_of_before_that_have_no_shares_are_spread() -> None:
    lines = creditable(invoice([line(1000), line(1000), line(-500, "discount")], [[], [], []]), {})
    assert [one.base_minor for one in lines] == [750, 750]


def test_a_line_of_which_more_was_noted_than_it_had_has_nothing_left() -> None:
    [one] = creditable(invoice([line(1000)], [[]]), {1: 1200})
    assert isinstance(one, Creditable)
    assert one.left_minor == 0
