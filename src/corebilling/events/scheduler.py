"""Payloads that the scheduler context publishes."""

from datetime import datetime
from uuid import UUID

import msgspec


class BillingCycleClosed(msgspec.Struct, frozen=True):
    """A period is over and its grace has passed. Usage up to and including `epoch` belongs to it; `closed_at` is the tenant's time.

    Periods with the same `group_id` go on one invoice; there are `group_size` of them.
    """

    cycle_id: UUID
    subscription_id: UUID
    period_index: int
    period_start: datetime
    period_end: datetime
    epoch: int
    closed_at: datetime
    is_last: bool
    group_id: UUID | None = None
    group_size: int = 0


class SubscriptionDue(msgspec.Struct, frozen=True):
    """A subscription asked to be woken at `due_at` (the tenant's time), and that is reached."""

    subscription_id: UUID
    due_at: datetime


class LateUsageSealed(msgspec.Struct, frozen=True):
    """A subscription that is over got usage since its last closing; what came up to and including `epoch` is to be billed.

    `late_no` counts how often that happened, `sealed_at` is the tenant's time.
    """

    subscription_id: UUID
    late_no: int
    epoch: int
    sealed_at: datetime
