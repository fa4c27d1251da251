from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.invoice.domain.document import one_off_line
from corebilling.invoice.domain.explain import addition, calculation, rounding
from corebilling.invoice.domain.issue import issue, numbers, wanted
from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Invalid

ONE, TWO = UUID(int=1), UUID(int=2)


def test_the_series_carries_the_year_of_the_tenants_zone() -> None:
    new_year = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert issue("INV", "Europe/Berlin", 30, new_year, 100).series == "INV-2026"
    assert issue("INV", "America/New_York", 30, new_year, 100).series == "INV-2025"


def test_the_due_date_keeps_the_time_of_day_when_the_clocks_change() -> None:
    issued = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
    terms = issue("INV", "Europe/Berlin", 30, issued, 100)
    assert terms.due_at == datetime(2026, 3, 31, 10, 0, tzinfo=UTC)
    assert terms.status == "open"


def test_nothing_due_is_paid_at_once() -> None:
    assert issue("INV", "UTC", 0, datetime(2026, 1, 1, tzinfo=UTC), 0).status == "paid"


@given(st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.sampled_from(["INV-2025", "INV-2026"])), max_size=40))
def test_each_series_goes_on_without_gaps_in_the_order_of_the_documents(series: list[tuple[UUID, str]]) -> None:
    counts = wanted(series)
    given_ = numbers(series, {key: 100 + count for key, count in counts.items()})
    for key in counts:
        own = [number for one, number in zip(series, given_, strict=True) if one == key]
        assert own == [f"{key[1]}-{n:06d}" for n in range(101, 101 + len(own))]


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
