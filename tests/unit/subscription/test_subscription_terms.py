from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.kernel.errors import Invalid
from corebilling.kernel.period import Interval, period
from corebilling.subscription.domain.terms import Asked, Terms, agreed, days_later, reminder_at

NOW = datetime(2026, 3, 15, 12, 30, 45, 123456, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def terms(zone: str = "UTC", interval: Interval = "month", trial_days: int = 0, **asked: object) -> Terms:
    wanted = Asked(**asked)  # type: ignore[arg-type]
    return agreed(
        wanted, now=NOW, time_zone=zone, interval=interval, interval_count=1, trial_days=trial_days, pointer="/items/3"
    )


def refused(**asked: object) -> str:
    with pytest.raises(Invalid) as caught:
        terms(**asked)  # type: ignore[arg-type]
    return caught.value.fields[0].pointer


def test_without_a_start_it_starts_now_to_the_second_and_is_anchored_there() -> None:
    now = NOW.replace(microsecond=0)
    assert terms() == Terms(now, now, now, "anniversary", None)


def test_it_may_start_a_year_ago_and_not_a_moment_earlier() -> None:
    assert terms(start_at=NOW - timedelta(days=366)).starts_at == NOW - timedelta(days=366)
    assert refused(start_at=NOW - timedelta(days=366, microseconds=1)) == "/items/3/start_at"


def test_it_may_start_ahead_but_not_in_another_age() -> None:
    assert terms(start_at=NOW + timedelta(days=300)).anchor_at == NOW + timedelta(days=300)
    assert refused(start_at=datetime(9999, 12, 31, tzinfo=UTC)) == "/items/3/start_at"


def test_an_anchor_lies_in_the_period_before_the_start() -> None:
    start, first_of_month = datetime(2026, 3, 15, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    found = terms(start_at=start, anchor_at=first_of_month)
    assert (found.starts_at, found.billing_starts_at, found.anchor_at) == (start, start, first_of_month)
    assert refused(start_at=start, anchor_at=start + timedelta(seconds=1)) == "/items/3/anchor_at"
    assert refused(start_at=start, anchor_at=datetime(2026, 2, 15, tzinfo=UTC)) == "/items/3/anchor_at"
    assert refused(start_at=start, anchor_at=datetime(1, 1, 1, tzinfo=UTC), zone="America/New_York")
    assert refused(start_at=start, anchor_at=first_of_month, alignment="calendar") == "/items/3/anchor_at"


@pytest.mark.parametrize(
    ("interval", "anchor"),
    [
        ("week", datetime(2026, 5, 11)),  # noqa: DTZ001 - wall times of New York; a Monday
        ("month", datetime(2026, 5, 1)),  # noqa: DTZ001
        ("quarter", datetime(2026, 4, 1)),  # noqa: DTZ001
        ("year", datetime(2026, 1, 1)),  # noqa: DTZ001
    ],
)
def test_calendar_alignment_anchors_at_midnight_where_the_zones_interval_began(
    interval: Interval, anchor: datetime
) -> None:
    start = datetime(2026, 5, 14, 3, tzinfo=UTC)
    found = terms("America/New_York", interval, start_at=start, alignment="calendar")
    assert found.anchor_at == anchor.replace(tzinfo=NEW_YORK)
    assert found.alignment == "calendar"


def test_a_trial_lasts_calendar_days_and_billing_begins_at_its_end() -> None:
    start = datetime(2026, 3, 1, 17, tzinfo=UTC)  # noon in New York, where clocks change on 8 March
    found = terms("America/New_York", start_at=start, trial_days=14)
    assert found.trial_ends_at == found.billing_starts_at == found.anchor_at == datetime(2026, 3, 15, 16, tzinfo=UTC)
    assert found.starts_at == start


def test_trial_days_that_are_said_win_over_the_plans() -> None:
    assert terms(trial_days=14, trial_ends_at=NOW + timedelta(days=3)).trial_ends_at == NOW + timedelta(days=3)
    none = agreed(Asked(trial_days=0), now=NOW, time_zone="UTC", interval="month", interval_count=1, trial_days=14)
    assert none.trial_ends_at is None


def test_a_trial_ends_after_the_start_and_within_two_years() -> None:
    assert refused(trial_ends_at=NOW.replace(microsecond=0)) == "/items/3/trial_end"
    assert refused(trial_ends_at=NOW + timedelta(days=731)) == "/items/3/trial_end"
    with pytest.raises(Invalid, match="not both"):
        agreed(
            Asked(trial_days=3, trial_ends_at=NOW + timedelta(days=3)),
            now=NOW, time_zone="UTC", interval="month", interval_count=1,
        )  # fmt: skip


def test_the_reminder_comes_three_days_before_the_end_or_at_once() -> None:
    assert reminder_at(NOW, NOW + timedelta(days=14)) == NOW + timedelta(days=11)
    assert reminder_at(NOW, NOW + timedelta(days=2)) == NOW


def test_days_are_counted_on_the_clocks_of_the_zone() -> None:
    noon = datetime(2026, 10, 30, 12, tzinfo=NEW_YORK)
    assert days_later(noon, 7, "America/New_York") == datetime(2026, 11, 6, 12, tzinfo=NEW_YORK)
    assert days_later(noon, 7, "America/New_York") - noon == timedelta(days=7, hours=1)


@given(st.integers(-366 * 86400, 1800 * 86400), st.integers(0, 40), st.integers(0, 60))
def test_the_first_period_holds_the_start_of_billing(start_seconds: int, back: int, trial_days: int) -> None:
    starts = NOW + timedelta(seconds=start_seconds)
    billing = days_later(starts, trial_days, "America/New_York") if trial_days else starts
    anchor = billing - timedelta(days=back)
    asked = Asked(start_at=starts, anchor_at=anchor)
    wanted = {"now": NOW, "time_zone": "America/New_York", "interval": "month", "interval_count": 1}
    first = period(anchor, "America/New_York", "month", 1, 0)
    if first.end <= billing:
        with pytest.raises(Invalid, match="whole period"):
            agreed(asked, trial_days=trial_days, **wanted)  # type: ignore[arg-type]
        return
    held = agreed(asked, trial_days=trial_days, **wanted)  # type: ignore[arg-type]
    assert first.start <= held.billing_starts_at < first.end
