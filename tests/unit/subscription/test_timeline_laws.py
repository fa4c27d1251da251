"""Whatever is ordered, the timeline has no gap and no overlap, and time does its deeds once."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from made_agreements import BASIC, BY_ID, NOW, PRO, TEAM, YEARLY, accept, agreement
from msgspec.structs import replace

from corebilling.kernel.contract import Phase
from corebilling.kernel.errors import DomainError
from corebilling.kernel.plan import PublishedPlan
from corebilling.subscription.domain import changing, ending, pausing, timeline, waking
from corebilling.subscription.domain.agreement import Agreement, Change, ItemChange
from corebilling.subscription.domain.changing import Wanted
from corebilling.subscription.domain.terms import Asked
from corebilling.subscription.domain.waking import Done

HOUR = timedelta(hours=1)
ZONES = ("UTC", "Pacific/Apia", "Australia/Lord_Howe", "America/New_York", "Africa/Cairo")
WEEKLY = replace(BASIC, plan_id=TEAM.prices[0].price_id, code="weekly", interval="week", interval_count=2)
PLANS = BY_ID | {WEEKLY.plan_id: WEEKLY}


def changed(held: Agreement, when: str | datetime, now: datetime, plan: PublishedPlan, quantity: int) -> Done:
    items = (ItemChange("seat", Decimal(quantity)),) if plan is TEAM else ()
    at = changing.effective_at(held, when, now)
    wanted = Wanted(Change(plan_id=plan.plan_id, items=items), at)
    return changing.changed(held, wanted, PLANS, now, accept), ()


orders = st.one_of(
    st.tuples(
        st.just("change"),
        st.sampled_from(["now", "renewal", "later"]),
        st.sampled_from([BASIC, PRO, TEAM, YEARLY, WEEKLY]),
        st.integers(1, 3),
    ),
    st.tuples(
        st.just("pause"), st.sampled_from(["now", "period_end"]), st.sampled_from(["stop", "continue"]), st.booleans()
    ),
    st.tuples(st.sampled_from(["resume", "end_trial", "uncancel", "nothing"])),
    st.tuples(st.just("cancel"), st.sampled_from(["period_end", "later"]), st.booleans()),
)
steps = st.lists(st.tuples(st.integers(0, 900), orders), max_size=12)


def carried_out(held: Agreement, order: tuple[Any, ...], now: datetime) -> Done:
    later = now + 100 * HOUR
    match order:
        case ("change", when, plan, quantity):
            return changed(held, later if when == "later" else when, now, plan, quantity)
        case ("pause", when, billing, ends):
            return pausing.pause(held, when, billing, now + 3000 * HOUR if ends else None, now)
        case ("resume",):
            return pausing.resume(held, now)
        case ("end_trial",):
            return pausing.end_trial(held, now)
        case ("uncancel",):
            return ending.uncancel(held, now)
        case ("cancel", when, prorate):
            return ending.cancel(held, later if when == "later" else when, now, prorate=prorate, reason=None)
    return held, ()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(["anniversary", "calendar"]), st.sampled_from([0, 14]), steps)
def test_whatever_is_ordered_time_stays_whole(
    zone: str,
    alignment: Any,
    trial_days: int,
    todo: list[tuple[int, tuple[Any, ...]]],
) -> None:
    held = agreement(time_zone=zone, asked=Asked(alignment=alignment, trial_days=trial_days))
    now = NOW
    for hours, order in todo:
        now += hours * HOUR
        held, _ = waking.perform(held, now)
        before = timeline.phases(held)
        try:
            held, _ = carried_out(held, order, now)
        except DomainError:
            continue
        if order[0] != "end_trial":
            assert _past(before, now) == _past(timeline.phases(held), now), "what is over stays what it was"
        _require_whole(held)
    done, _ = waking.perform(held, now)
    assert waking.perform(done, now) == (done, ())
    wake_at = waking.wake_at(done)
    assert wake_at is None or wake_at > now


def _past(phases: tuple[Phase, ...], now: datetime) -> list[Phase]:
    """What held until now; whether what ends now gives credit is for now to say."""
    cut = [replace(phase, ends_at=min(phase.ends_at or now, now)) for phase in phases if phase.starts_at < now]
    return [replace(phase, credit_unused=True) if phase.ends_at == now else phase for phase in cut]


def _require_whole(held: Agreement) -> None:
    contract = timeline.contract(held)
    phases = contract.phases
    assert all(a.ends_at == b.starts_at for a, b in pairwise(phases))
    assert all(phase.ends_at is None or phase.starts_at < phase.ends_at for phase in phases)
    if phases:
        assert (phases[0].starts_at, phases[-1].ends_at) == (contract.starts_at, contract.ends_at)
    open_ended = timeline.contract(replace(held, ends_at=None))
    last = open_ended.calendars[-1].first_index + 5
    periods = [open_ended.period(index) for index in range(last)]
    assert periods[0].start == open_ended.starts_at
    assert all(a.end == b.start for a, b in pairwise(periods))
    for period in periods:
        assert period.start < period.end
        assert open_ended.period_at(period.start) == period
        assert open_ended.period_at(period.end - timedelta(microseconds=1)) == period
