"""Payloads that the scheduler context publishes."""

from datetime import datetime
from uuid import UUID

import msgspec


class BillingCycleClosed(msgspec.Struct, frozen=True):
    """A period is over and its grace has passed. Usage up to and including `epoch` belongs to it; `closed_at` is the tenant's time."""

    cycle_id: UUID
    subscription_id: UUID
    period_index: int
    period_start: datetime
    period_end: datetime
    epoch: int
    closed_at: datetime
    is_last: bool
