"""Payloads that the subscription context publishes."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.period import Interval


class SubscriptionCreated(msgspec.Struct, frozen=True):
    """A subscription started: all that is needed to compute its periods."""

    subscription_id: UUID
    customer_id: UUID
    plan_id: UUID
    currency: str
    anchor_at: datetime
    time_zone: str
    interval: Interval
    interval_count: int
    status: str


class SubscriptionCanceled(msgspec.Struct, frozen=True):
    """A cancellation was ordered; no period starts at or after `ends_at`."""

    subscription_id: UUID
    ends_at: datetime


class SubscriptionStatusChanged(msgspec.Struct, frozen=True):
    """A move in the subscription's state table."""

    subscription_id: UUID
    before: str
    after: str
