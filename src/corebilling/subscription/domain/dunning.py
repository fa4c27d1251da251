"""What dunning of invoices means for their subscriptions."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from corebilling.events.payment import DunningEnded, DunningStarted
from corebilling.subscription.domain import ending, waking
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.waking import Done

REASON = "unpaid"
"""`cancel_reason` of a subscription that dunning ended."""


class Verdict(msgspec.Struct, frozen=True):
    """What an event says of an invoice: whether it is owed still, and whether that ends its subscriptions."""

    owing: bool
    cancel: bool


def verdict(payload: DunningStarted | DunningEnded) -> Verdict:
    """An invoice that was given up on is owed still: it keeps its subscriptions past due, or ends them."""
    if isinstance(payload, DunningStarted):
        return Verdict(owing=True, cancel=False)
    given_up = payload.outcome == "exhausted"
    return Verdict(owing=given_up, cancel=given_up and payload.finally_do in ("cancel", "cancel_and_uncollectible"))


def judged(agreement: Agreement, now: datetime, *, overdue: bool, cancel: bool) -> Done:
    """The subscription with its invoices paid or not. One that is canceled ends now, and what was paid ahead is kept."""
    known = replace(agreement, overdue=overdue)
    if cancel and not known.is_over:
        return ending.cancel(known, "now", now, prorate=False, reason=REASON)
    return waking.standing(known)
