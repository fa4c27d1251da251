"""Ordering the end of a subscription, and taking the order back."""

from datetime import datetime

from msgspec.structs import replace

from corebilling.events.subscription import SubscriptionCanceled
from corebilling.kernel.errors import Conflict, invalid_field
from corebilling.subscription.domain import facts, timeline, waking
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.states import require_alive
from corebilling.subscription.domain.terms import MAX_AHEAD
from corebilling.subscription.domain.waking import Done

When = str | datetime
"""`now`, `period_end`, or an instant."""


def cancel(agreement: Agreement, when: When, now: datetime, *, prorate: bool, reason: str | None) -> Done:
    """Order the end; one that lies at `now` or before happens at once. The same order again changes nothing.

    Raises `Conflict` for a subscription that is over, `Invalid` for an end out of reach.
    """
    require_alive(agreement.status)
    ends_at = _end(agreement, when, now)
    if (ends_at, prorate) == (agreement.ends_at, agreement.credit_at_end):
        return agreement, ()
    ordered = replace(agreement, ends_at=ends_at, credit_at_end=prorate, cancel_reason=reason)
    done, told = waking.end(ordered, now) if when == "now" else waking.perform(ordered, now)
    told = (SubscriptionCanceled(agreement.subscription_id, ends_at), *told)
    if agreement.status == "incomplete" or not agreement.requests or ends_at != agreement.billing_starts_at:
        return done, told
    # It ends where it began, so no period is ever closed: what was invoiced by then goes back now.
    done = replace(done, requests=done.requests + 1)
    return done, (*told, facts.invoice_requested(done, "change", ends_at))


def _end(agreement: Agreement, when: When, now: datetime) -> datetime:
    if when == "period_end":
        return timeline.renewal(agreement, now)
    if when == "now":
        # What isn't paid for yet ends where it began: nothing of it is billed. So does what has not begun.
        return agreement.starts_at if agreement.status == "incomplete" else max(now, agreement.starts_at)
    assert isinstance(when, datetime)
    if not now < when <= now + MAX_AHEAD:
        raise invalid_field("/at", 'an end lies ahead, at most five years; send "now", "period_end" or such an instant')
    if when <= agreement.starts_at:
        raise invalid_field("/at", "the subscription begins later than that; send an instant after its start")
    return when


def uncancel(agreement: Agreement, now: datetime) -> Done:
    """Take the order back. Raises `Conflict` where none was given, or where it has been carried out."""
    require_alive(agreement.status)
    if agreement.ends_at is None:
        raise Conflict("no end is ordered for this subscription; there is nothing to take back", code="not_ending")
    if agreement.ends_at <= now:
        raise Conflict("the subscription has ended; create a new one to go on", code="subscription_not_active")
    going_on = replace(agreement, ends_at=None, credit_at_end=True, cancel_reason=None)
    return going_on, (facts.updated(going_on, "cancellation", now),)
