import pytest

from corebilling.kernel.errors import Invalid
from corebilling.kernel.period import Interval
from corebilling.pricing.domain.cadence import every


@pytest.mark.parametrize(
    ("interval", "count", "plan_interval", "plan_count", "times"),
    [
        (None, None, "month", 3, 1),
        ("month", None, "month", 1, 1),
        ("year", None, "month", 1, 12),
        ("year", None, "month", 3, 4),
        ("year", 2, "quarter", 1, 8),
        ("quarter", 1, "month", 1, 3),
        ("month", 12, "year", 1, 1),
        ("week", 4, "week", 2, 2),
        (None, 6, "month", 2, 3),
    ],
)
def test_a_price_is_due_after_a_whole_number_of_periods(
    interval: Interval | None, count: int | None, plan_interval: Interval, plan_count: int, times: int
) -> None:
    assert every(interval, count, plan_interval, plan_count) == times


@pytest.mark.parametrize(
    ("interval", "count", "plan_interval", "plan_count", "pointer"),
    [
        ("week", 4, "month", 1, "/interval"),
        ("month", None, "week", 1, "/interval"),
        ("month", None, "quarter", 1, "/interval"),
        ("month", 5, "quarter", 1, "/interval"),
        (None, 3, "month", 2, "/interval_count"),
    ],
)
def test_an_interval_that_no_number_of_periods_makes_is_refused(
    interval: Interval | None, count: int | None, plan_interval: Interval, plan_count: int, pointer: str
) -> None:
    with pytest.raises(Invalid, match="whole multiple") as caught:
        every(interval, count, plan_interval, plan_count)
    assert caught.value.fields[0].pointer == pointer
