"""Payloads that the subscription context publishes."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.contract import Calendar
from corebilling.kernel.period import Interval


class SubscriptionCreated(msgspec.Struct, frozen=True):
    """A subscription started. `scheduled` tells that its calendar is published by `subscription.scheduled`.

    It may be used from `starts_at` on. `price_ids` are those of its explicit items, none where the plan's are paid.
    """

    subscription_id: UUID
    customer_id: UUID
    plan_id: UUID
    currency: str
    anchor_at: datetime
    time_zone: str
    interval: Interval
    interval_count: int
    status: str
    scheduled: bool = False
    starts_at: datetime | None = None
    price_ids: list[UUID] | None = None


class SubscriptionUpdated(msgspec.Struct, frozen=True):
    """Something about a subscription changed, from `effective_at` (the tenant's time) on.

    `reason` is `plan`, `quantity`, `price`, `items`, `coupon`, `trial`, `cancellation`, `pause`, `resume` or `terms`.
    """

    subscription_id: UUID
    customer_id: UUID
    plan_id: UUID
    status: str
    reason: str
    effective_at: datetime
    ends_at: datetime | None


class SubscriptionPriceUpdated(msgspec.Struct, frozen=True):
    """A subscription pays other prices or quantities from `effective_at` on: `price_ids` are those it pays then."""

    subscription_id: UUID
    effective_at: datetime
    price_ids: list[UUID]


class SubscriptionTrialEnding(msgspec.Struct, frozen=True):
    """The reminder before a trial's end. Without a payment method, `then` says what happens: activate, cancel or pause."""

    subscription_id: UUID
    customer_id: UUID
    trial_ends_at: datetime
    has_payment_method: bool
    then: str


class SubscriptionScheduled(msgspec.Struct, frozen=True):
    """All that the scheduler needs to know of a subscription, whole; the highest `resource_seq` counts.

    No period is opened at or after `ends_at`, and the one that runs then ends there. `wake_at` is when the subscription
    itself has something to do next. `group_key` is shared by subscriptions whose periods are invoiced together.
    """

    subscription_id: UUID
    calendars: tuple[Calendar, ...]
    ends_at: datetime | None
    wake_at: datetime | None
    group_key: UUID | None = None


class SubscriptionInvoiceRequested(msgspec.Struct, frozen=True):
    """What is due by now is to be invoiced before the period ends. `purpose` is `opening` or `change`, `request_no` counts."""

    subscription_id: UUID
    customer_id: UUID
    purpose: str
    request_no: int
    at: datetime


class SubscriptionCanceled(msgspec.Struct, frozen=True):
    """A cancellation was ordered; no period starts at or after `ends_at`."""

    subscription_id: UUID
    ends_at: datetime


class SubscriptionStatusChanged(msgspec.Struct, frozen=True):
    """A move in the subscription's state table."""

    subscription_id: UUID
    before: str
    after: str
