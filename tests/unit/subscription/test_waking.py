from datetime import timedelta

import pytest
from made_agreements import BY_ID, NOW, PRO, accept, agreement
from msgspec.structs import replace

from corebilling.events.subscription import (
    SubscriptionCanceled,
    SubscriptionInvoiceRequested,
    SubscriptionPriceUpdated,
    SubscriptionStatusChanged,
    SubscriptionTrialEnding,
    SubscriptionUpdated,
)
from corebilling.kernel.errors import Conflict, Invalid
from corebilling.subscription.domain import changing, ending, pausing, timeline, waking
from corebilling.subscription.domain.agreement import Agreement, Change
from corebilling.subscription.domain.changing import Wanted
from corebilling.subscription.domain.facts import Facts
from corebilling.subscription.domain.terms import FIRST_PAYMENT, Asked

DAY = timedelta(days=1)
TRIAL_END = NOW + 14 * DAY


def kinds(told: Facts) -> list[type]:
    return [type(fact) for fact in told]


def on_trial(**wanted: object) -> Agreement:
    return agreement(asked=Asked(trial_days=14), **wanted)  # type: ignore[arg-type]


def begun(plan: str = "basic") -> Agreement:
    return waking.perform(agreement(plan), NOW)[0]


def test_a_trial_reminds_then_converts_then_asks_for_its_opening_invoice() -> None:
    made = on_trial(payment_method="card")
    assert waking.wake_at(made) == TRIAL_END - 3 * DAY
    reminded, told = waking.perform(made, TRIAL_END - DAY)
    (reminder,) = told
    assert isinstance(reminder, SubscriptionTrialEnding)
    assert (reminder.has_payment_method, reminder.then) == (True, "activate")
    assert waking.wake_at(reminded) == TRIAL_END
    active, told = waking.perform(reminded, TRIAL_END)
    assert kinds(told) == [SubscriptionStatusChanged, SubscriptionUpdated, SubscriptionInvoiceRequested]
    assert (active.status, waking.wake_at(active)) == ("active", None)
    request = told[-1]
    assert isinstance(request, SubscriptionInvoiceRequested)
    assert (request.purpose, request.request_no, request.at) == ("opening", 1, TRIAL_END)


@pytest.mark.parametrize(("choice", "status"), [("activate", "active"), ("cancel", "canceled"), ("pause", "paused")])
def test_without_a_payment_method_a_trial_ends_as_agreed(choice: str, status: str) -> None:
    ended, told = waking.perform(on_trial(missing_payment_method=choice), TRIAL_END)
    assert ended.status == status
    if status == "active":
        return
    assert SubscriptionInvoiceRequested not in kinds(told)
    contract = timeline.contract(ended)
    assert all(phase.items == () for phase in contract.phases)
    if status == "canceled":
        assert SubscriptionCanceled in kinds(told)
        assert (contract.ends_at, contract.phases) == (TRIAL_END, ())


def test_all_that_was_missed_is_done_in_order_and_once() -> None:
    made = on_trial()
    late, told = waking.perform(made, TRIAL_END + 300 * DAY)
    assert kinds(told) == [
        SubscriptionTrialEnding, SubscriptionStatusChanged, SubscriptionUpdated, SubscriptionInvoiceRequested,
    ]  # fmt: skip
    assert waking.perform(late, TRIAL_END + 300 * DAY) == (late, ())


def test_a_first_payment_that_never_comes_leaves_nothing_to_bill() -> None:
    waiting, told = waking.perform(agreement(payment_behavior="require_first_payment"), NOW)
    assert kinds(told) == [SubscriptionInvoiceRequested]
    assert waking.wake_at(waiting) == NOW + FIRST_PAYMENT
    expired, told = waking.perform(waiting, NOW + FIRST_PAYMENT)
    assert (expired.status, expired.ends_at, kinds(told)) == ("expired", expired.starts_at, [SubscriptionStatusChanged])
    assert timeline.contract(expired).phases == ()


def test_a_cancellation_ends_with_the_period_when_that_has_come() -> None:
    ordered, told = ending.cancel(begun(), "period_end", NOW, prorate=True, reason="too dear")
    assert (ordered.status, ordered.cancel_reason, kinds(told)) == ("active", "too dear", [SubscriptionCanceled])
    end = timeline.renewal(begun(), NOW)
    assert ordered.ends_at == end == waking.wake_at(ordered)
    again = ending.cancel(ordered, "period_end", NOW + DAY, prorate=True, reason="again")
    assert again == (ordered, ())
    going_on, _ = ending.uncancel(ordered, NOW)
    assert (going_on.ends_at, going_on.cancel_reason) == (None, None)
    ended, told = waking.perform(ordered, end)
    assert (ended.status, kinds(told)) == ("canceled", [SubscriptionStatusChanged])
    with pytest.raises(Conflict):
        ending.uncancel(ended, end)


def test_a_cancellation_now_happens_now_and_keeps_what_was_paid_if_asked() -> None:
    later = NOW + 10 * DAY
    for prorate in (True, False):
        ended, told = ending.cancel(begun(), "now", later, prorate=prorate, reason=None)
        assert (ended.status, ended.ends_at) == ("canceled", later)
        assert kinds(told) == [SubscriptionCanceled, SubscriptionStatusChanged]
        assert [phase.credit_unused for phase in timeline.contract(ended).phases] == [prorate]


def test_a_trial_that_is_canceled_was_never_billed() -> None:
    ended, _ = ending.cancel(on_trial(), "now", NOW + DAY, prorate=True, reason=None)
    assert (ended.status, timeline.contract(ended).phases) == ("canceled", ())
    with_trial, _ = ending.cancel(on_trial(), "period_end", NOW + DAY, prorate=True, reason=None)
    assert (with_trial.status, with_trial.ends_at) == ("trialing", TRIAL_END)
    assert waking.perform(with_trial, TRIAL_END)[0].status == "canceled"


def test_what_has_not_begun_is_canceled_at_once() -> None:
    ahead = agreement(asked=Asked(start_at=NOW + 30 * DAY))
    ended, told = ending.cancel(ahead, "now", NOW, prorate=True, reason=None)
    assert (ended.status, ended.ends_at, timeline.contract(ended).phases) == ("canceled", ended.starts_at, ())
    assert kinds(told) == [SubscriptionCanceled, SubscriptionStatusChanged]
    assert waking.wake_at(ended) is None


def test_an_end_lies_ahead() -> None:
    for when in (NOW, NOW - DAY, NOW + 2000 * DAY):
        with pytest.raises(Invalid):
            ending.cancel(begun(), when, NOW, prorate=True, reason=None)
    assert ending.cancel(begun(), NOW + 3 * DAY, NOW, prorate=True, reason=None)[0].ends_at == NOW + 3 * DAY


def test_a_pause_without_billing_is_a_phase_without_items() -> None:
    paused, told = pausing.pause(begun(), "now", "stop", NOW + 20 * DAY, NOW + 10 * DAY)
    assert (paused.status, kinds(told)) == ("paused", [SubscriptionStatusChanged, SubscriptionUpdated])
    assert [(p.starts_at, p.ends_at, p.items) for p in timeline.phases(paused)] == [
        (NOW, NOW + 10 * DAY, None),
        (NOW + 10 * DAY, NOW + 20 * DAY, ()),
        (NOW + 20 * DAY, None, None),
    ]
    resumed, _ = waking.perform(paused, NOW + 20 * DAY)
    assert (resumed.status, resumed.pause) == ("active", None)
    assert timeline.phases(resumed) == timeline.phases(paused)


def test_a_pause_that_is_billed_changes_the_status_alone() -> None:
    paused, _ = pausing.pause(begun(), "now", "continue", None, NOW + DAY)
    assert (paused.status, len(timeline.phases(paused))) == ("paused", 1)
    resumed, _ = pausing.resume(paused, NOW + 2 * DAY)
    assert resumed.status == "active"


def test_a_planned_pause_begins_with_the_period_or_is_called_off() -> None:
    planned, _ = pausing.pause(begun(), "period_end", "stop", None, NOW + DAY)
    end = timeline.renewal(begun(), NOW)
    assert (planned.status, waking.wake_at(planned)) == ("active", end)
    assert waking.perform(planned, end)[0].status == "paused"
    assert pausing.resume(planned, NOW + 2 * DAY)[0].pauses == ()
    with pytest.raises(Conflict):
        pausing.pause(planned, "now", "stop", None, NOW + 2 * DAY)


def test_paused_and_resumed_in_one_second_never_was() -> None:
    paused, _ = pausing.pause(begun(), "now", "stop", None, NOW + DAY)
    resumed, _ = pausing.resume(paused, NOW + DAY)
    assert (resumed.status, resumed.pauses) == ("active", ())
    assert pausing.pause(resumed, "now", "stop", None, NOW + DAY)[0].status == "paused"


def test_only_what_runs_can_be_paused_and_only_what_rests_resumed() -> None:
    with pytest.raises(Conflict, match="trial"):
        pausing.pause(on_trial(), "now", "stop", None, NOW)
    with pytest.raises(Conflict, match="isn't paused"):
        pausing.resume(begun(), NOW)
    with pytest.raises(Invalid):
        pausing.pause(begun(), "now", "stop", NOW, NOW)
    with pytest.raises(Conflict, match="not begun"):
        pausing.pause(agreement(asked=Asked(start_at=NOW + DAY)), "now", "stop", None, NOW)


def test_a_change_during_a_pause_is_what_it_resumes_to() -> None:
    paused, _ = pausing.pause(begun(), "now", "stop", None, NOW + DAY)
    wanted = Wanted(Change(plan_id=PRO.plan_id), NOW + 2 * DAY)
    changed = changing.changed(paused, wanted, BY_ID, NOW + 2 * DAY, accept)
    assert all(phase.items == () for phase in timeline.phases(changed)[1:])
    resumed, _ = pausing.resume(changed, NOW + 3 * DAY)
    assert timeline.phases(resumed)[-1].plan_id == PRO.plan_id
    assert timeline.phases(resumed)[-1].items is None


def test_a_trial_that_is_ended_at_once_bills_from_then_on() -> None:
    active, told = pausing.end_trial(on_trial(missing_payment_method="cancel"), NOW + 9 * DAY)
    assert kinds(told) == [SubscriptionStatusChanged, SubscriptionUpdated, SubscriptionInvoiceRequested]
    contract = timeline.contract(active)
    assert (active.status, contract.starts_at, contract.calendars[0].anchor_at) == (
        "active", NOW + 9 * DAY, NOW + 9 * DAY,
    )  # fmt: skip
    assert waking.wake_at(active) is None
    with pytest.raises(Conflict):
        pausing.end_trial(active, NOW + 10 * DAY)


def test_a_scheduled_change_is_told_when_it_begins_and_invoiced_if_asked() -> None:
    at = NOW + 5 * DAY
    scheduled = changing.changed(begun(), Wanted(Change(plan_id=PRO.plan_id), at, bill_now=True), BY_ID, NOW, accept)
    assert (scheduled.current.plan_code, waking.wake_at(scheduled)) == ("basic", at)
    changed, told = waking.perform(scheduled, at)
    assert (changed.current.plan_code, changed.scheduled) == ("pro", ())
    assert kinds(told) == [SubscriptionUpdated, SubscriptionPriceUpdated, SubscriptionInvoiceRequested]
    request = told[-1]
    assert isinstance(request, SubscriptionInvoiceRequested)
    assert (request.purpose, request.request_no) == ("change", 2)


def test_an_overdue_subscription_may_be_paused_or_end() -> None:
    overdue = replace(begun(), status="past_due")
    assert pausing.pause(overdue, "now", "stop", None, NOW + DAY)[0].status == "paused"
    assert ending.cancel(overdue, "now", NOW + DAY, prorate=True, reason=None)[0].status == "canceled"
