from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from made_agreements import BASIC, BY_ID, EXTRAS, NOW, PRO, TEAM, YEARLY, accept, agreement
from msgspec.structs import replace

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.subscription.domain import changing, timeline, waking
from corebilling.subscription.domain.agreement import Agreement, Change, ItemChange, TermItem, item_of
from corebilling.subscription.domain.changing import Wanted
from corebilling.subscription.domain.terms import Asked

DAY = timedelta(days=1)


def begun(plan: str = "basic", **wanted: object) -> Agreement:
    return waking.perform(agreement(plan, **wanted), NOW)[0]  # type: ignore[arg-type]


def change(held: Agreement, at: datetime, now: datetime | None = None, **wanted: object) -> Agreement:
    order = Wanted(Change(**wanted), at)  # type: ignore[arg-type]
    return changing.changed(held, order, BY_ID, now or at, accept)


def item(held: Agreement, name: str) -> TermItem:
    return next(each for each in held.terms[-1].items or () if each.reference == name)


def test_an_item_keeps_its_id_while_nothing_about_it_changes() -> None:
    first = change(begun("team"), NOW + DAY, items=(ItemChange("seat", Decimal(5)),))
    second = change(first, NOW + 2 * DAY, items=(ItemChange("seat", Decimal(5)), ItemChange("setup", Decimal(2))))
    assert item(second, "seat").item_id == item(first, "seat").item_id
    assert item(second, "calls").item_id == item(first, "calls").item_id == TEAM.prices[1].price_id
    assert item(second, "setup").item_id != item(first, "setup").item_id
    third = change(second, NOW + 3 * DAY, items=(ItemChange("seat", Decimal(6)),))
    assert item(third, "seat").item_id != item(second, "seat").item_id


def test_another_plan_replaces_the_prices_and_keeps_quantities_of_the_same_code() -> None:
    seats = replace(TEAM, plan_id=BASIC.plan_id, code="team-2")  # the same codes under another id
    plans = BY_ID | {seats.plan_id: seats}
    held = change(begun("team"), NOW + DAY, items=(ItemChange("seat", Decimal(5)),))
    moved = changing.changed(held, Wanted(Change(plan_id=seats.plan_id), NOW + 2 * DAY), plans, NOW + 2 * DAY, accept)
    assert (moved.current.plan_code, item(moved, "seat").quantity) == ("team-2", Decimal(5))


def test_going_back_to_a_plan_makes_items_anew() -> None:
    up = change(begun(), NOW + DAY, plan_id=PRO.plan_id)
    assert up.current.items is None
    down = change(up, NOW + 2 * DAY, plan_id=BASIC.plan_id)
    (base,) = down.current.items or ()
    assert base.price_id == BASIC.prices[0].price_id != base.item_id


def test_there_and_back_in_one_instant_is_no_change_at_all() -> None:
    """Else a one-off price would be due again, and tiers would begin anew."""
    held = change(begun("team"), NOW + DAY, items=(ItemChange("seat", Decimal(5)),))
    away = change(held, NOW + 2 * DAY, plan_id=PRO.plan_id)
    back = change(away, NOW + 2 * DAY, plan_id=TEAM.plan_id, items=(ItemChange("seat", Decimal(5)),))
    assert timeline.phases(back)[-1].items == timeline.phases(held)[-1].items


def test_several_changes_in_one_period_leave_no_gap() -> None:
    held = begun()
    for day, plan in enumerate((PRO, BASIC, TEAM, PRO), start=1):
        held = change(held, NOW + day * DAY, plan_id=plan.plan_id)
    phases = timeline.phases(held)
    assert [phase.starts_at for phase in phases] == [NOW + day * DAY for day in range(5)]
    assert [phase.ends_at for phase in phases] == [*(NOW + day * DAY for day in range(1, 5)), None]


def test_two_changes_in_one_second_are_one_phase() -> None:
    held = change(begun(), NOW + DAY, plan_id=PRO.plan_id)
    again = change(held, NOW + DAY, plan_id=TEAM.plan_id)
    assert [term.plan_code for term in again.terms] == ["basic", "team"]


def test_add_ons_come_and_go_and_outlive_a_change_of_plan() -> None:
    support = item_of(EXTRAS.prices[0], EXTRAS.prices[0].price_id, add_on="extras")
    held = change(begun(), NOW + DAY, add_ons=(support,))
    moved = change(held, NOW + 2 * DAY, plan_id=PRO.plan_id)
    assert item(moved, "extras/support") == support
    with pytest.raises(Invalid, match="already"):
        change(moved, NOW + 3 * DAY, add_ons=(support,))
    with pytest.raises(Conflict, match="remove them"):
        change(moved, NOW + 3 * DAY, plan_id=YEARLY.plan_id)
    yearly = change(moved, NOW + 3 * DAY, plan_id=YEARLY.plan_id, remove=("extras/support",))
    assert (yearly.current.plan_code, yearly.current.items) == ("yearly", None)
    gone = change(moved, NOW + 4 * DAY, remove=("extras/support",))
    assert gone.current.items is None
    with pytest.raises(Invalid, match="no price"):
        change(gone, NOW + 5 * DAY, remove=("extras/support",))


def test_what_changes_nothing_is_refused() -> None:
    with pytest.raises(Conflict, match="nothing would change"):
        change(begun(), NOW + DAY, plan_id=BASIC.plan_id)
    with pytest.raises(Conflict, match="nothing would change"):
        change(begun("team"), NOW + DAY, items=(ItemChange("seat", Decimal(1)),))


def test_a_commitment_of_ones_own_ends_with_the_plan_it_was_made_for() -> None:
    held = change(begun(), NOW + DAY, commitment=Decimal(50))
    assert held.current.commitment == Decimal(50)
    assert change(held, NOW + 2 * DAY, items=(ItemChange("base", Decimal(2)),)).current.commitment == Decimal(50)
    assert change(held, NOW + 2 * DAY, plan_id=PRO.plan_id).current.commitment is None


def test_another_interval_anchors_the_periods_anew() -> None:
    held = change(begun(), NOW + 10 * DAY, plan_id=YEARLY.plan_id)
    contract = timeline.contract(held)
    assert contract.period(0).end == contract.period(1).start == NOW + 10 * DAY
    assert contract.period(1).end == (NOW + 10 * DAY).replace(year=2027)
    at_renewal = timeline.renewal(begun(), NOW)
    scheduled = timeline.contract(change(begun(), at_renewal, NOW, plan_id=YEARLY.plan_id))
    assert scheduled.calendars[1].first_index == 1
    assert (scheduled.period(0).end, scheduled.period(1).start) == (at_renewal, at_renewal)


def test_calendar_alignment_survives_another_interval() -> None:
    held = begun(asked=Asked(alignment="calendar"))
    contract = timeline.contract(change(held, NOW + DAY, plan_id=YEARLY.plan_id))
    assert contract.period(0).start == NOW
    assert contract.period(1).start == NOW + DAY
    assert contract.period(1).end == datetime(2027, 1, 1, tzinfo=UTC)


def test_scheduled_changes_are_put_on_top_of_what_changes_meanwhile() -> None:
    held = change(begun("team"), NOW + 20 * DAY, NOW, items=(ItemChange("seat", Decimal(9)),))
    assert held.current.items is None
    now = change(held, NOW + DAY, items=(ItemChange("setup", Decimal(2)),))
    assert (item(now, "seat").quantity, item(now, "setup").quantity) == (Decimal(9), Decimal(2))
    assert [term.starts_at for term in now.terms] == [NOW, NOW + DAY, NOW + 20 * DAY]


def test_calling_a_change_off_takes_back_what_it_brought_and_no_more() -> None:
    held = change(begun("team"), NOW + 10 * DAY, NOW, items=(ItemChange("seat", Decimal(9)),))
    held = change(held, NOW + 20 * DAY, NOW, items=(ItemChange("setup", Decimal(2)),))
    first, second = held.scheduled
    left, gone = changing.called_off(held, first.phase_id, BY_ID)
    assert gone is first
    assert [term.phase_id for term in left.scheduled] == [second.phase_id]
    assert (item(left, "seat").quantity, item(left, "setup").quantity) == (Decimal(1), Decimal(2))
    with pytest.raises(NotFound):
        changing.called_off(left, first.phase_id, BY_ID)


def test_a_change_that_leaves_a_scheduled_one_nothing_to_stand_on_is_refused() -> None:
    held = change(begun("team"), NOW + 10 * DAY, NOW, items=(ItemChange("seat", Decimal(9)),))
    with pytest.raises(Conflict, match="would not fit any more"):
        change(held, NOW + DAY, plan_id=PRO.plan_id)


def test_at_most_ten_changes_are_scheduled_one_for_each_instant() -> None:
    held = begun("team")
    for day in range(1, 11):
        held = change(held, NOW + day * DAY, NOW, items=(ItemChange("seat", Decimal(day + 1)),))
    with pytest.raises(Conflict, match="delete one first"):
        change(held, NOW + 11 * DAY, NOW, items=(ItemChange("seat", Decimal(99)),))
    with pytest.raises(Conflict, match="already"):
        change(held, NOW + 3 * DAY, NOW, items=(ItemChange("seat", Decimal(99)),))


def test_before_billing_begins_a_change_is_what_it_begins_with() -> None:
    held = agreement("metered", asked=Asked(trial_days=14))
    assert held.opening_at is None
    at = changing.effective_at(held, "now", NOW)
    changed = change(held, at, NOW, plan_id=PRO.plan_id)
    assert (len(changed.terms), changed.terms[0].starts_at) == (1, held.billing_starts_at)
    assert (changed.current.plan_code, changed.opening_at) == ("pro", held.billing_starts_at)
    assert changing.effective_at(held, "renewal", NOW) == held.billing_starts_at
    with pytest.raises(Invalid, match="not begun"):
        changing.effective_at(held, NOW + DAY, NOW)


def test_a_change_is_for_now_or_for_later_and_not_after_the_end() -> None:
    held = begun()
    assert changing.effective_at(held, "now", NOW + DAY) == NOW + DAY
    assert changing.effective_at(held, "renewal", NOW) == datetime(2026, 4, 15, 12, 30, 45, tzinfo=UTC)
    for when in (NOW, NOW - DAY, NOW + 2000 * DAY):
        with pytest.raises(Invalid):
            changing.effective_at(held, when, NOW)
    ending = replace(held, ends_at=NOW + 3 * DAY)
    with pytest.raises(Conflict, match="ends on"):
        changing.effective_at(ending, "renewal", NOW)
