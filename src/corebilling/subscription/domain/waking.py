"""What a subscription does by itself as time passes, in order, and when it wants to be woken for it.

Each deed leaves the agreement without its cause, so that doing what is due by an instant twice does it once.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
from msgspec.structs import replace

from corebilling.events.subscription import SubscriptionCanceled
from corebilling.subscription.domain import facts
from corebilling.subscription.domain.agreement import Agreement, Pause
from corebilling.subscription.domain.facts import Facts
from corebilling.subscription.domain.states import require_move

Done = tuple[Agreement, Facts]
Deed = Callable[[Agreement, datetime], Done]


class Due(msgspec.Struct, frozen=True):
    """Something to do at an instant."""

    at: datetime
    do: Deed


def wake_at(agreement: Agreement) -> datetime | None:
    """When there is something to do next."""
    return min((due.at for due in _dues(agreement)), default=None)


def perform(agreement: Agreement, by: datetime) -> Done:
    """Do everything that is due by then; of several things due at the same instant, in the order below."""
    told: Facts = ()
    while due := min((each for each in _dues(agreement) if each.at <= by), key=lambda each: each.at, default=None):
        agreement, more = due.do(agreement, due.at)
        told += more
    return agreement, told


def _dues(agreement: Agreement) -> Iterator[Due]:
    """What is to come. `min` takes the first of equals, so this order counts."""
    if agreement.is_over:
        return
    if agreement.ends_at is not None:
        yield Due(agreement.ends_at, end)
    if agreement.status == "incomplete" and agreement.expires_at is not None:
        yield Due(agreement.expires_at, _expire)
    if agreement.reminder_at is not None:
        yield Due(agreement.reminder_at, _remind)
    if agreement.status == "trialing" and agreement.trial_ends_at is not None:
        yield Due(agreement.trial_ends_at, _end_trial)
    for term in agreement.scheduled:
        yield Due(term.starts_at, _begin_term)
    if agreement.pause is not None:
        yield from _dues_of_pause(agreement.pause)
    if agreement.opening_at is not None and agreement.status != "trialing":
        yield Due(agreement.opening_at, _open)


def _dues_of_pause(pause: Pause) -> Iterator[Due]:
    if pause.state == "planned":
        yield Due(pause.starts_at, _begin_pause)
    elif pause.ends_at is not None:
        yield Due(pause.ends_at, _resume)


def end(agreement: Agreement, at: datetime) -> Done:
    """The end that was ordered has come."""
    return _moved(replace(agreement, opening_at=None, reminder_at=None, expires_at=None), "canceled")


def _expire(agreement: Agreement, at: datetime) -> Done:
    """The first payment never came: it ends where it began, and nothing is billed."""
    return _moved(replace(agreement, ends_at=agreement.starts_at, opening_at=None, expires_at=None), "expired")


def _remind(agreement: Agreement, at: datetime) -> Done:
    reminded = replace(agreement, reminder_at=None)
    return reminded, (facts.trial_ending(reminded, agreement.trial_ends_at or at),)


def _end_trial(agreement: Agreement, at: datetime) -> Done:
    choice = "activate" if agreement.payment_method is not None else agreement.missing_payment_method
    ended = replace(agreement, reminder_at=None)
    if choice == "cancel":
        ended = replace(ended, ends_at=at, cancel_reason="missing_payment_method", opening_at=None)
        canceled, told = _moved(ended, "canceled")
        return canceled, (SubscriptionCanceled(canceled.subscription_id, at), *told)
    if choice == "pause":
        rest = Pause(at, None, "stop", "running")
        return _moved(replace(ended, pauses=(*ended.pauses, rest), opening_at=None), "paused")
    return activate(ended, at)


def activate(agreement: Agreement, at: datetime) -> Done:
    """The trial is over, and billing begins."""
    active, told = _moved(agreement, "active")
    return active, (*told, facts.updated(active, "trial", at))


def _begin_term(agreement: Agreement, at: datetime) -> Done:
    terms = tuple(
        replace(term, announced=True, change=None) if term.starts_at == at else term for term in agreement.terms
    )
    begun = replace(agreement, terms=terms)
    return announce_change(begun, at)


def announce_change(agreement: Agreement, at: datetime) -> Done:
    """Tell of the term that begins at `at`, and ask for its invoice if that was ordered."""
    term = agreement.term_at(at)
    told: Facts = (facts.updated(agreement, term.reason, at), facts.prices_updated(agreement, at))
    if term.bill_now and at >= agreement.billing_starts_at and agreement.status != "trialing":
        agreement = replace(agreement, requests=agreement.requests + 1)
        told += (facts.invoice_requested(agreement, "change", at),)
    return agreement, told


def _begin_pause(agreement: Agreement, at: datetime) -> Done:
    pauses = tuple(replace(pause, state="running") if pause.state == "planned" else pause for pause in agreement.pauses)
    paused, told = _moved(replace(agreement, pauses=pauses), "paused")
    return paused, (*told, facts.updated(paused, "pause", at))


def _resume(agreement: Agreement, at: datetime) -> Done:
    pauses = tuple(replace(pause, state="over") if pause.state == "running" else pause for pause in agreement.pauses)
    resumed, told = _moved(replace(agreement, pauses=pauses), "active")
    return resumed, (*told, facts.updated(resumed, "resume", at))


def _open(agreement: Agreement, at: datetime) -> Done:
    opened = replace(agreement, opening_at=None, requests=agreement.requests + 1)
    return opened, (facts.invoice_requested(opened, "opening", at),)


def standing(agreement: Agreement) -> Done:
    """Active or past due, as its invoices are paid or not; any other state stays."""
    if agreement.status == "active" and agreement.overdue:
        return _moved(agreement, "past_due")
    if agreement.status == "past_due" and not agreement.overdue:
        return _moved(agreement, "active")
    return agreement, ()


def _moved(agreement: Agreement, status: str) -> Done:
    before = agreement.status
    require_move(before, status)
    after = msgspec.structs.replace(agreement, status=status)
    told: Facts = (facts.moved(after, before),)
    if status != "active":
        return after, told
    after, more = standing(after)
    return after, told + more
