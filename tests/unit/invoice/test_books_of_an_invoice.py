"""What an invoice posts and what its credit notes take back, for whatever is on it: in the end nothing is left of either."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tax_lines import several_rates

from corebilling.events.rating import RatingCompleted
from corebilling.invoice.domain.carried import held_back
from corebilling.invoice.domain.credit import CreditNote, applied, by_hand, of_rating
from corebilling.invoice.domain.credit_posting import Corrected, credit_journal
from corebilling.invoice.domain.creditable import all_left, creditable, in_proportion
from corebilling.invoice.domain.document import Buyer, Document, Line, LineKind, Seller, Source
from corebilling.invoice.domain.posting import invoice_journal
from corebilling.invoice.domain.tax import AppliedRate, assess
from corebilling.invoice.domain.taxed import taxed
from corebilling.kernel import accounts
from corebilling.kernel.charge import BilledCharge, Derivation
from corebilling.kernel.journal import JournalDraft
from corebilling.ledger.domain.posting import prepare

TENANT, INVOICE, CUSTOMER, NOTE, OTHER = (UUID(int=n) for n in range(1, 6))
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=31)
SOURCE = Source("period", OTHER, START, NOW, OTHER, 1, "test")

amounts = st.one_of(st.integers(-60, 60), st.integers(-(10**6), 10**7), st.integers(-(10**15), 10**16))
kinds = st.sampled_from(("usage", "recurring", "proration", "adjustment"))
roundings = st.sampled_from(("line", "invoice"))


def _derived(model: str) -> Derivation:
    return Derivation(model, Decimal(1), (), Decimal(0), 0, "test")


def _line(kind: LineKind, amount_minor: int, start: int = 0, days: int = 1, product: str | None = None) -> Line:
    begins = START + timedelta(days=start)
    ends = begins + timedelta(days=days)
    how = _derived(kind)
    return Line(kind, kind, Decimal(1), None, amount_minor, begins, ends, None, None, how, product=product)


def _document(lines: Sequence[Line], rates: Sequence[Sequence[AppliedRate]], rounding: str) -> Document:
    subtotal = sum(line.amount_minor for line in lines)
    plain = Document(
        TENANT, INVOICE, CUSTOMER, "EUR", tuple(lines), subtotal, Seller("S", "UTC"),
        Buyer("acme", "Acme", None, "UTC"), SOURCE,
    )  # fmt: skip
    return taxed(plain, assess(lines, rates, rounding))  # type: ignore[arg-type]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Invoices of at least 0, some of whose lines are for days to come, are credits, or have their part of a discount."""
    lines, rates = [], []
    palette = draw(st.lists(several_rates, min_size=1, max_size=2))
    for amount in draw(st.lists(amounts, min_size=1, max_size=5)):
        product = draw(st.sampled_from((None, "a", "b")))
        line = _line(draw(kinds), amount, draw(st.integers(-90, 60)), draw(st.integers(1, 200)), product)
        off = draw(st.integers(0, amount)) if amount > 0 and draw(st.booleans()) else 0
        lines.append(replace(line, discount_minor=-off))
        rates.append(draw(st.sampled_from(palette)))
    if off := sum(line.discount_minor for line in lines):
        lines.append(_line("discount", off))
        rates.append([])
    assume(sum(line.amount_minor for line in lines) > 0)
    return _document(lines, rates, draw(roundings))


def _sums(journals: Sequence[JournalDraft]) -> dict[str, int]:
    """What isn't 0, by account, after checking that each journal can be posted."""
    found: dict[str, int] = defaultdict(int)
    for journal in journals:
        prepare(journal, NOTE, NOW)
        for entry in journal.entries:
            found[entry.account + (f".{entry.product}" if entry.product else "")] += entry.amount_minor
        for deferral in journal.deferrals:
            found[f"deferred {deferral.product}"] += deferral.amount_minor
    return {account: amount for account, amount in found.items() if amount}


@given(documents(), st.data())
def test_notes_in_parts_take_back_all_that_was_posted(document: Document, data: st.DataObject) -> None:
    posted = invoice_journal(document, NOW)
    assert posted is not None
    journals, noted, left = [posted], dict[int, int](), document.total_minor
    while left:
        lines = creditable(document, noted)
        assert sum(line.gross_minor for line in lines) == document.total_minor
        assert sum(line.left_minor for line in lines) == left
        part = data.draw(st.integers(1, left)) if len(journals) < 5 else left
        parts = in_proportion(lines, part, left) if part < left else all_left(lines, left)
        note = by_hand(NOTE, document, parts, NOW, reason="test", memo=None, refund=False, quantities={})
        assert note.total_minor == part
        settled = applied(note, [INVOICE], {INVOICE: data.draw(st.integers(0, part))})
        journals.append(credit_journal(settled, Corrected(document, NOW, 2)))
        for line in note.lines:
            assert line.invoice_line_no is not None
            noted[line.invoice_line_no] = noted.get(line.invoice_line_no, 0) + line.gross_minor
        left -= part
    found = _sums(journals)
    assert found.pop(accounts.RECEIVABLE, 0) == -found.pop(accounts.CUSTOMER_CREDIT, 0)
    assert found == {}


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=4), st.integers(0, 10**9), several_rates, roundings)
def test_carried_credit_comes_back_as_if_it_had_never_been_carried(
    credits: list[int], sold: int, rates: list[AppliedRate], rounding: str
) -> None:
    """An invoice with more credit than sales carries the rest on, and a credit note gives it back: what is left on revenue
    and tax is what both together are, and nothing is left of the carried credit."""
    assume(sum(credits) > sold)
    carried = sum(credits) - sold
    lines = [_line("usage", sold), *(_line("usage", -one, product="a") for one in credits), _line("carried", carried)]
    document = _document(lines, [rates] * (len(lines) - 1) + [[]], rounding)
    posted = invoice_journal(document, NOW)
    note = _carried_note(document, carried)
    found = _sums([*([posted] if posted else []), credit_journal(note, None)])
    assert accounts.CARRIED_CREDIT not in found
    assert found[accounts.CUSTOMER_CREDIT] == -note.total_minor
    within = sum((rate.rate for rate in rates if rate.inclusive), Decimal(0))
    net = Decimal(carried) / (1 + within)
    apart = len(lines) + len(rates)
    for rate in rates:
        given_back = sum(tax.tax_minor for line in note.lines for tax in line.taxes if tax.code == rate.code)
        assert abs(given_back - net * rate.rate) <= apart
    assert abs(found.get(accounts.TAX_PAYABLE, 0) - net * sum(rate.rate for rate in rates)) <= apart * len(rates)


def test_what_was_carried_last_is_given_back_with_its_own_rates() -> None:
    first = _document([_line("usage", -500), _line("carried", 500)], [[_rate("0.2")], []], "line")
    second = _document([_line("usage", -300), _line("carried", 300)], [[_rate("0.1")], []], "line")
    parts = held_back([(second, 300), (first, 500)], 900)
    assert [(part.amount_minor, [tax.tax_minor for tax in part.taxes]) for part in parts] == [
        (300, [30]),
        (500, [100]),
        (100, []),
    ]


def _rate(fraction: str) -> AppliedRate:
    return AppliedRate("vat", "VAT", "FR", "S", Decimal(fraction), inclusive=False)


def _carried_note(document: Document, carried_minor: int) -> CreditNote:
    charge = BilledCharge(
        1, None, "credit_note", "Credit left", None, None, Decimal(1), -carried_minor, START, NOW, _derived("carried")
    )
    rating = RatingCompleted(
        rating_id=OTHER, cycle_id=OTHER, subscription_id=OTHER, customer_id=CUSTOMER, period_index=0, period_start=START,
        period_end=NOW, closed_at=NOW, currency="EUR", total_minor=0, epoch=1, engine_version="test",
    )  # fmt: skip
    return of_rating(NOTE, None, rating, [charge], document, [], [(document, carried_minor)])
