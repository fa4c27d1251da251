"""What goes over the wire about subscriptions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.period import Interval
from corebilling.subscription.domain.states import SubscriptionStatus

ExternalId = Annotated[str, Meta(min_length=1, max_length=200, description="Your own name for it.")]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]


class SubscriptionCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`customer_id` is an id or external id, `plan` a code or id.

    Starts now unless `start_at` says otherwise (up to 31 days ago, or in the future); periods repeat from `anchor_at`,
    by default the start. The first period is the one from the anchor that holds the start, and is billed whole.
    """

    customer_id: Reference
    plan: Reference
    external_id: ExternalId | None = None
    start_at: Instant | None = None
    anchor_at: Instant | None = None


class SubscriptionBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 subscriptions, created all or not at all."""

    items: Annotated[list[SubscriptionCreate], Meta(min_length=1, max_length=1000)]


class SubscriptionOut(msgspec.Struct, frozen=True):
    """A subscription as it stands. With `cancel_at` set it ends there, and is canceled once that period is closed."""

    id: UUID
    external_id: str | None
    customer_id: UUID
    customer_external_id: str
    plan_id: UUID
    plan_code: str
    currency: str
    time_zone: str
    interval: Interval
    interval_count: int
    status: SubscriptionStatus
    start_at: datetime
    anchor_at: datetime
    cancel_at: datetime | None
    created_at: datetime
    updated_at: datetime


class SubscriptionBatchOut(msgspec.Struct, frozen=True):
    """The created subscriptions, in the order of the items."""

    data: list[SubscriptionOut]


class CancelOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When to end: with the period that is running."""

    at: Literal["period_end"]
