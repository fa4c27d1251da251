import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import corebilling.subscription
from corebilling.kernel.errors import Conflict, Invalid
from corebilling.kernel.period import period
from corebilling.subscription.domain import states
from corebilling.subscription.domain.terms import Terms, agreed, end_of_period

NOW = datetime(2026, 3, 15, 12, 30, 45, 123456, tzinfo=UTC)
CONTEXT = Path(corebilling.subscription.__file__).parent
SCHEMA = Path(__file__).resolve().parents[3] / "sql/schema/subscription/0001_subscription.expand.sql"


def terms(start_at: datetime | None = None, anchor_at: datetime | None = None, zone: str = "UTC") -> Terms:
    return agreed(start_at, anchor_at, now=NOW, time_zone=zone, interval="month", interval_count=1, pointer="/items/3")


def refused(start_at: datetime | None = None, anchor_at: datetime | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        terms(start_at, anchor_at)
    return caught.value.fields[0].pointer


def test_readme_table_and_check_agree_about_the_states() -> None:
    drawn = set(re.findall(r"^  (\w+) --> (\w+)", (CONTEXT / "README.md").read_text(), re.MULTILINE))
    assert drawn == states.MOVES
    check = re.search(r"CHECK \(status IN \(([^)]*)\)\)", SCHEMA.read_text())
    assert check
    assert set(re.findall(r"'(\w+)'", check[1])) == {word for move in states.MOVES for word in move} | {states.INITIAL}


def test_a_canceled_subscription_can_not_be_canceled_again() -> None:
    states.require_active("active")
    with pytest.raises(Conflict, match="canceled already"):
        states.require_active("canceled")


def test_without_a_start_it_starts_now_to_the_second_and_is_anchored_there() -> None:
    assert terms() == Terms(NOW.replace(microsecond=0), NOW.replace(microsecond=0))


def test_it_may_start_31_days_ago_and_not_a_moment_earlier() -> None:
    assert terms(NOW - timedelta(days=31)).starts_at == NOW - timedelta(days=31)
    assert refused(NOW - timedelta(days=31, microseconds=1)) == "/items/3/start_at"


def test_it_may_start_ahead_but_not_in_another_age() -> None:
    assert terms(NOW + timedelta(days=300)).anchor_at == NOW + timedelta(days=300)
    assert refused(datetime(9999, 12, 31, tzinfo=UTC)) == "/items/3/start_at"


def test_an_anchor_lies_in_the_period_before_the_start() -> None:
    start = datetime(2026, 3, 15, tzinfo=UTC)
    first_of_month = datetime(2026, 3, 1, tzinfo=UTC)
    assert terms(start, first_of_month) == Terms(start, first_of_month)
    assert refused(start, start + timedelta(seconds=1)) == "/items/3/anchor_at"
    assert refused(start, datetime(2026, 2, 15, tzinfo=UTC)) == "/items/3/anchor_at"
    with pytest.raises(Invalid, match="whole period"):
        terms(start, datetime(1, 1, 1, tzinfo=UTC), "America/New_York")


def test_the_end_of_the_period_is_on_the_customers_calendar() -> None:
    paris = ZoneInfo("Europe/Paris")
    anchor = datetime(2026, 1, 31, tzinfo=paris)
    held = Terms(anchor, anchor)
    found = end_of_period(
        held,
        now=datetime(2026, 3, 30, 12, tzinfo=paris),
        time_zone="Europe/Paris",
        interval="month",
        interval_count=1,
    )
    assert found == datetime(2026, 3, 31, tzinfo=paris)


def test_before_the_start_the_first_period_is_the_one_that_ends() -> None:
    start = NOW + timedelta(days=60)
    found = end_of_period(Terms(start, start), now=NOW, time_zone="UTC", interval="month", interval_count=1)
    assert found == period(start, "UTC", "month", 1, 0).end


@given(st.integers(-30 * 86400, 1800 * 86400), st.integers(0, 40), st.integers(0, 800))
def test_the_first_period_holds_the_start_and_the_end_of_period_lies_ahead(
    start_seconds: int, back: int, on: int
) -> None:
    starts = NOW + timedelta(seconds=start_seconds)
    anchor = starts - timedelta(days=back)
    if period(anchor, "America/New_York", "month", 1, 0).end <= starts:
        assert refused(starts, anchor) == "/items/3/anchor_at"
        return
    held = terms(starts, anchor, "America/New_York")
    now = starts + timedelta(days=on)
    end = end_of_period(held, now=now, time_zone="America/New_York", interval="month", interval_count=1)
    assert now < end <= now + timedelta(days=32)
