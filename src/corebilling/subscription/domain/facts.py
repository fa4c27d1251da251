"""The events that tell of a subscription, made from the agreement as it is afterwards."""

from datetime import datetime

import msgspec

from corebilling.events.subscription import (
    SubscriptionCreated,
    SubscriptionInvoiceRequested,
    SubscriptionPriceUpdated,
    SubscriptionScheduled,
    SubscriptionStatusChanged,
    SubscriptionTrialEnding,
    SubscriptionUpdated,
)
from corebilling.subscription.domain import timeline
from corebilling.subscription.domain.agreement import Agreement

Facts = tuple[msgspec.Struct, ...]


def created(agreement: Agreement) -> SubscriptionCreated:
    """It began. Its calendar is told by `scheduled`, which always comes with this."""
    (first, *_) = timeline.calendars(agreement)
    return SubscriptionCreated(
        agreement.subscription_id,
        agreement.customer_id,
        agreement.current.plan_id,
        agreement.currency,
        first.anchor_at,
        first.time_zone,
        first.interval,
        first.interval_count,
        agreement.status,
        scheduled=True,
        starts_at=agreement.starts_at,
        price_ids=[item.price_id for item in agreement.current.items or ()],
    )


def scheduled(agreement: Agreement, wake_at: datetime | None) -> SubscriptionScheduled:
    """All that the scheduler needs to know."""
    return SubscriptionScheduled(
        agreement.subscription_id,
        timeline.calendars(agreement),
        agreement.ends_at,
        wake_at,
        timeline.group_key(agreement),
    )


def updated(agreement: Agreement, reason: str, effective_at: datetime) -> SubscriptionUpdated:
    """Something about it changed."""
    return SubscriptionUpdated(
        agreement.subscription_id,
        agreement.customer_id,
        agreement.current.plan_id,
        agreement.status,
        reason,
        effective_at,
        agreement.ends_at,
    )


def moved(agreement: Agreement, before: str) -> SubscriptionStatusChanged:
    """A move in the state table, to the status that it has now."""
    return SubscriptionStatusChanged(agreement.subscription_id, before, agreement.status)


def prices_updated(agreement: Agreement, effective_at: datetime) -> SubscriptionPriceUpdated:
    """The prices of its explicit items; none are listed where the plan's are paid, which `updated` names."""
    term = agreement.term_at(effective_at)
    return SubscriptionPriceUpdated(
        agreement.subscription_id, effective_at, [item.price_id for item in term.items or ()]
    )


def trial_ending(agreement: Agreement, trial_ends_at: datetime) -> SubscriptionTrialEnding:
    """The reminder."""
    return SubscriptionTrialEnding(
        agreement.subscription_id,
        agreement.customer_id,
        trial_ends_at,
        agreement.payment_method is not None,
        "activate" if agreement.payment_method is not None else agreement.missing_payment_method,
    )


def invoice_requested(agreement: Agreement, purpose: str, at: datetime) -> SubscriptionInvoiceRequested:
    """What is due by `at` is to be invoiced now. `requests` has counted this one already."""
    return SubscriptionInvoiceRequested(
        agreement.subscription_id, agreement.customer_id, purpose, agreement.requests, at
    )
