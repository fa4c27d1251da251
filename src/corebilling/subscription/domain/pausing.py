"""Resting and going on, and the end of a trial before its time."""

from datetime import datetime

from msgspec.structs import replace

from corebilling.kernel.errors import Conflict, invalid_field
from corebilling.subscription.domain import facts, timeline, waking
from corebilling.subscription.domain.agreement import Agreement, Pause, PauseBilling
from corebilling.subscription.domain.states import require_settled
from corebilling.subscription.domain.terms import MAX_AHEAD
from corebilling.subscription.domain.waking import Done


def pause(agreement: Agreement, when: str, billing: PauseBilling, resume_at: datetime | None, now: datetime) -> Done:
    """Rest from now or from the next period on, until `resume_at` or until it is resumed.

    Raises `Conflict` for what is over, incomplete, on trial, not begun or paused already, `Invalid` for an impossible end.
    """
    require_settled(agreement.status)
    if agreement.status == "trialing":
        raise Conflict("a trial can't be paused; cancel the subscription, or end the trial first", code="on_trial")
    if now < agreement.billing_starts_at:
        raise Conflict("the subscription has not begun; pause it when it has", code="not_begun")
    if agreement.pause is not None:
        raise Conflict("a pause runs or is planned already; resume the subscription first", code="paused")
    starts_at = timeline.renewal(agreement, now) if when == "period_end" else now
    if agreement.ends_at is not None and agreement.ends_at <= starts_at:
        raise Conflict("the subscription ends before the pause; there is nothing to pause", code="subscription_ending")
    if resume_at is not None and not starts_at < resume_at <= now + MAX_AHEAD:
        raise invalid_field(
            "/resume_at", "a pause ends after it begins, at most five years ahead; send such an instant"
        )
    planned = replace(agreement, pauses=(*agreement.pauses, Pause(starts_at, resume_at, billing, "planned")))
    paused, told = waking.perform(planned, now)
    return paused, told or (facts.updated(paused, "pause", starts_at),)


def resume(agreement: Agreement, now: datetime) -> Done:
    """End the pause now, or call off one that is planned. Raises `Conflict` where there is none."""
    require_settled(agreement.status)
    rest = agreement.pause
    if rest is None:
        raise Conflict("the subscription isn't paused; there is nothing to resume", code="not_paused")
    if rest.state == "planned":
        called_off = replace(agreement, pauses=tuple(each for each in agreement.pauses if each is not rest))
        return called_off, (facts.updated(called_off, "resume", now),)
    ended = tuple(replace(each, ends_at=now) if each is rest else each for each in agreement.pauses)
    resumed, told = waking.perform(replace(agreement, pauses=ended), now)
    # A pause that began in this very second never was.
    return replace(resumed, pauses=tuple(p for p in resumed.pauses if p.ends_at != p.starts_at)), told


def end_trial(agreement: Agreement, now: datetime) -> Done:
    """The trial ends now and billing begins, whether or not there is a payment method.

    Raises `Conflict` for a subscription that isn't on trial, or hasn't begun.
    """
    require_settled(agreement.status)
    if agreement.status != "trialing" or now < agreement.starts_at:
        raise Conflict("the subscription isn't on trial; there is no trial to end", code="not_on_trial")
    first, *later = agreement.terms
    ended = replace(
        agreement,
        trial_ends_at=now,
        billing_starts_at=now,
        anchor_at=_anchor(agreement, now),
        terms=(replace(first, starts_at=now), *later),
        opening_at=None if agreement.opening_at is None else now,
        reminder_at=None,
    )
    active, told = waking.activate(ended, now)
    opened, more = waking.perform(active, now)
    return opened, told + more


def _anchor(agreement: Agreement, now: datetime) -> datetime:
    """An anchor that was asked for stays, if its first period holds the new start."""
    first = agreement.terms[0]
    own = agreement.alignment == "anniversary" and agreement.anchor_at != agreement.billing_starts_at
    if own and timeline.holds(agreement.anchor_at, agreement.time_zone, first.interval, first.interval_count, now):
        return agreement.anchor_at
    return timeline.anchor(agreement.alignment, now, agreement.time_zone, first.interval)
