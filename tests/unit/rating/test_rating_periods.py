"""Which periods usage falls into."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from corebilling.kernel.contract import Calendar, Contract, Phase
from corebilling.rating.domain.proration import days_text
from corebilling.rating.domain.rating import current_period, periods_between, periods_of_hour

HOUR = timedelta(hours=1)


def contract(anchor_at: datetime, time_zone: str = "UTC") -> Contract:
    some = UUID(int=1)
    calendar = Calendar(anchor_at, time_zone, "month", 1, anchor_at)
    return Contract(some, some, some, some, "EUR", calendars=(calendar,), phases=(Phase(anchor_at, None, some),))


def test_a_span_of_usage_touches_each_period_it_reaches_into() -> None:
    january = datetime(2026, 1, 1, tzinfo=UTC)
    found = periods_between(contract(january), january + timedelta(days=5), datetime(2026, 3, 1, tzinfo=UTC))
    assert [p.index for p in found] == [0, 1, 2]
    assert [p.index for p in periods_between(contract(january), january - HOUR, january)] == [0]
    assert periods_between(contract(january), january - 2 * HOUR, january - HOUR) == []


def test_an_hour_in_which_a_period_ends_belongs_to_both_until_both_are_over() -> None:
    """In Kathmandu (UTC+05:45) months begin at a quarter past the hour of UTC."""
    nepal = contract(datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=5, minutes=45), "Asia/Kathmandu")
    hour_at = datetime(2026, 1, 31, 18, tzinfo=UTC)
    first, second = periods_between(nepal, hour_at, hour_at + HOUR)
    assert [p.index for p in periods_of_hour(nepal, hour_at, first.end)] == [0]
    assert [p.index for p in periods_of_hour(nepal, hour_at, second.end)] == [0, 1]


def test_before_its_start_a_contract_is_in_its_first_period() -> None:
    january = datetime(2026, 1, 1, tzinfo=UTC)
    assert current_period(contract(january), january - HOUR).index == 0
    assert current_period(contract(january), january + timedelta(days=31)).index == 1


def test_a_late_line_names_the_days_of_its_period_in_the_contract_s_zone() -> None:
    paris = contract(datetime(2026, 1, 31, 23, tzinfo=UTC), "Europe/Paris")
    february = current_period(paris, paris.starts_at)
    assert days_text(february.start, february.end, "Europe/Paris") == "2026-02-01 to 2026-02-28"
