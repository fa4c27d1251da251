from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from corebilling.invoice.domain.document import one_off_line
from corebilling.invoice.domain.explain import addition, calculation, rounding
from corebilling.invoice.domain.issue import first_reminder, issue, net_days, next_reminder
from corebilling.invoice.domain.numbering import Numbering, numbering, numbers, of_credit_note, wanted
from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Invalid
from corebilling.kernel.party import CustomerProfile, InvoicingTerms, TenantProfile

ONE, TWO = UUID(int=1), UUID(int=2)


def seller(time_zone: str = "UTC", *, net_days: int = 30, **terms: Any) -> TenantProfile:
    return TenantProfile(
        ONE, "Example Ltd", "EUR", time_zone, False, "INV", net_days, invoicing=InvoicingTerms(**terms)
    )


def test_the_series_carries_the_year_of_the_tenants_zone() -> None:
    new_year = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert issue(seller("Europe/Berlin"), 30, new_year, 100).numbering.series == "INV-2026"
    assert issue(seller("America/New_York"), 30, new_year, 100).numbering.series == "INV-2025"


def test_the_due_date_keeps_the_time_of_day_when_the_clocks_change() -> None:
    issued = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
    terms = issue(seller("Europe/Berlin"), 30, issued, 100)
    assert terms.due_at == datetime(2026, 3, 31, 10, 0, tzinfo=UTC)
    assert terms.status == "open"


def test_nothing_due_is_paid_at_once() -> None:
    assert issue(seller(), 0, datetime(2026, 1, 1, tzinfo=UTC), 0).status == "paid"


def test_the_term_of_payment_is_the_documents_then_the_customers_then_the_tenants() -> None:
    customer = CustomerProfile(ONE, TWO, "acme", "Acme", None, "EUR", "UTC")
    assert net_days(7, seller(), replace(customer, net_days=14)) == 7
    assert net_days(None, seller(), replace(customer, net_days=0)) == 0
    assert net_days(None, seller(), customer) == 30


def test_reminders_go_on_from_day_to_day_and_skip_what_was_over_when_the_invoice_was_issued() -> None:
    tenant, issued = seller(net_days=10, reminder_days=(7, -14, -3)), datetime(2026, 1, 1, tzinfo=UTC)
    terms = issue(tenant, 10, issued, 100)
    found = [first_reminder(tenant, terms)]
    while following := next_reminder(tenant, terms.due_at, found[-1].days):
        found.append(following)
    assert [(one.days, one.at.day) for one in found] == [(-3, 8), (0, 11), (7, 18)]
    at_once = first_reminder(seller(reminder_days=(-3,)), issue(tenant, 0, issued, 100))
    assert (at_once.days, at_once.at) == (0, issued)


@pytest.mark.parametrize(
    ("pattern", "series", "number"),
    [
        ("{prefix}-{year}-{number:06}", "INV-2026", "INV-2026-000007"),
        ("{prefix}/{year}/{month}/{number:04}", "INV/2026/03", "INV/2026/03/0007"),
        ("{prefix}{number}", "INV", "INV7"),
        ("R{prefix}.{year}.{number:2}", "RINV.2026", "RINV.2026.07"),
    ],
)
def test_numbers_are_made_by_the_tenants_pattern(pattern: str, series: str, number: str) -> None:
    run = numbering(pattern, "INV", "UTC", datetime(2026, 3, 1, tzinfo=UTC))
    assert (run.series, run.number(7)) == (series, number)


def test_credit_notes_have_the_pattern_with_a_prefix_of_their_own() -> None:
    run = of_credit_note(seller(), datetime(2026, 3, 1, tzinfo=UTC))
    assert (run.series, run.number(1)) == ("CN-2026", "CN-2026-000001")


RUNS = [Numbering("INV-2025", "INV-2025-", 6), Numbering("INV-2026", "INV-2026-", 6)]


@given(st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.sampled_from(RUNS)), max_size=40))
def test_each_series_goes_on_without_gaps_in_the_order_of_the_documents(series: list[tuple[UUID, Numbering]]) -> None:
    counts = wanted(series)
    given_ = numbers(series, {key: 100 + count for key, count in counts.items()})
    for tenant_id, name in counts:
        own = [
            number
            for (tenant, run), number in zip(series, given_, strict=True)
            if (tenant, run.series) == (tenant_id, name)
        ]
        assert own == [f"{name}-{n:06d}" for n in range(101, 101 + len(own))]


def test_a_one_off_line_is_rounded_once() -> None:
    line = one_off_line("Hours", Decimal("1.5"), "h", Decimal("33.33"), "EUR")
    assert (line.amount_minor, line.derivation.amount) == (5000, Decimal("49.995"))
    assert one_off_line("Yen", Decimal(3), None, Decimal("0.5"), "JPY").amount_minor == 2


def test_a_one_off_line_beyond_bigint_is_refused() -> None:
    with pytest.raises(Invalid, match="larger than a document can hold"):
        one_off_line("Too much", Decimal(10) ** 14, None, Decimal(10) ** 14, "EUR")


def test_explanations_read_like_a_sum_by_hand() -> None:
    step = DerivationStep("above 1000", Decimal(1500), Decimal("0.0150"), Decimal(5), Decimal("27.50"))
    assert calculation(step) == "1500 x 0.015 + 5 = 27.5"
    assert calculation(DerivationStep("fee", Decimal(1), Decimal(0), Decimal(20), Decimal(20))) == "20 = 20"
    assert calculation(DerivationStep("none", Decimal(0), Decimal("0.1"), Decimal(0), Decimal(0))) == "0 x 0.1 = 0"
    assert addition([2000, 550], 2550, "EUR") == "20.00 + 5.50 = 25.50 EUR"
    assert rounding(Decimal("12.345"), 200, 1035, "EUR") == (
        "12.345 less 2.00 billed before, rounded once, half away from zero, is 10.35 EUR"
    )
    assert [plain(Decimal(text)) for text in ("1E+3", "0.10", "10", "0")] == ["1000", "0.1", "10", "0"]
