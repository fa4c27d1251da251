"""Laws of revenue that is earned by day, over zones where days are 23 and 25 hours long."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from corebilling.kernel.journal import Deferral
from corebilling.kernel.money import MAX_MINOR
from corebilling.ledger.domain.deferral import MonthShare, month_of, next_month, shares, start_of

ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Asia/Beirut",
)
zones = st.sampled_from(ZONES)
instants = st.integers(0, 23 * 365 * 24 * 60).map(
    lambda minutes: datetime(2009, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
amounts = st.integers(-MAX_MINOR, MAX_MINOR).filter(bool)


@st.composite
def deferrals(draw: st.DrawFn) -> Deferral:
    starts_at = draw(instants)
    return Deferral(
        draw(amounts), starts_at, starts_at + draw(st.timedeltas(timedelta(minutes=1), timedelta(days=800)))
    )


@given(deferrals(), instants, zones)
def test_months_add_up_to_the_whole_and_come_in_order(deferral: Deferral, effective_at: datetime, zone: str) -> None:
    found = shares(deferral, effective_at, zone)
    assert sum(share.amount_minor for share in found) == deferral.amount_minor
    months = [share.month for share in found]
    assert months == sorted(set(months))
    assert all(share.amount_minor * deferral.amount_minor > 0 for share in found)


@given(deferrals(), instants, zones)
def test_a_negated_deferral_cancels_the_first(deferral: Deferral, effective_at: datetime, zone: str) -> None:
    negated = shares(replace(deferral, amount_minor=-deferral.amount_minor), effective_at, zone)
    assert [replace(share, amount_minor=-share.amount_minor) for share in negated] == shares(
        deferral, effective_at, zone
    )


@given(deferrals(), instants, zones)
def test_nothing_is_earned_in_a_month_before_it_was_posted(
    deferral: Deferral, effective_at: datetime, zone: str
) -> None:
    earliest = month_of(effective_at, zone)
    assert all(
        share.month >= earliest and share.due_at > effective_at for share in shares(deferral, effective_at, zone)
    )


@given(deferrals(), instants, zones)
def test_taking_back_later_leaves_what_was_earned_until_then_to_the_month_of_it(
    deferral: Deferral, effective_at: datetime, zone: str
) -> None:
    first = shares(deferral, deferral.starts_at, zone)
    back = shares(replace(deferral, amount_minor=-deferral.amount_minor), effective_at, zone)
    total: dict[date, int] = {}
    for share in (*first, *back):
        total[share.month] = total.get(share.month, 0) + share.amount_minor
    posted = month_of(effective_at, zone)
    assert all(amount == 0 for month, amount in total.items() if month > posted)
    assert sum(total.values()) == 0


@given(deferrals(), zones)
def test_what_was_earned_by_a_months_end_is_off_by_half_a_minor_unit_at_most(deferral: Deferral, zone: str) -> None:
    local = ZoneInfo(zone)
    first, last = (at.astimezone(local).date() for at in (deferral.starts_at, deferral.ends_at))
    days = max(1, (last - first).days)
    earned = 0
    for share in shares(deferral, deferral.starts_at, zone):
        earned += share.amount_minor
        gone = min(days, (next_month(share.month) - first).days)
        assert abs(2 * (earned * days - deferral.amount_minor * gone)) <= days


@given(deferrals(), zones)
def test_a_month_is_due_when_its_last_local_day_is_over(deferral: Deferral, zone: str) -> None:
    for share in shares(deferral, deferral.starts_at, zone):
        local = share.due_at.astimezone(ZoneInfo(zone))
        # Where the clocks skip midnight the month begins an hour later by the wall.
        assert local.date() == next_month(share.month)
        assert (share.due_at - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() < next_month(share.month)


def test_a_year_paid_ahead_in_paris_is_earned_by_its_days() -> None:
    year = Deferral(
        36_500, start_of(date(2026, 1, 1), "Europe/Paris"), start_of(date(2027, 1, 1), "Europe/Paris"), "seats"
    )
    found = shares(year, year.starts_at, "Europe/Paris")
    assert [share.amount_minor for share in found] == [
        100 * days for days in (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    ]
    assert found[2] == MonthShare(date(2026, 3, 1), datetime(2026, 3, 31, 22, tzinfo=UTC), 3100)


def test_a_month_from_the_middle_of_a_day_has_as_many_days_as_its_dates() -> None:
    month = Deferral(3_100, datetime(2026, 1, 15, 10, 30, tzinfo=UTC), datetime(2026, 2, 15, 10, 30, tzinfo=UTC))
    assert [share.amount_minor for share in shares(month, month.starts_at, "UTC")] == [1_700, 1_400]


def test_days_gone_by_are_earned_in_the_month_of_posting() -> None:
    month = Deferral(3_100, datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 2, 15, tzinfo=UTC))
    [late] = shares(month, datetime(2026, 6, 3, tzinfo=UTC), "UTC")
    assert (late.month, late.amount_minor) == (date(2026, 6, 1), 3_100)
    within = shares(month, datetime(2026, 2, 3, tzinfo=UTC), "UTC")
    assert [(share.month, share.amount_minor) for share in within] == [(date(2026, 2, 1), 3_100)]
