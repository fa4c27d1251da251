"""Billing cycles on the wire."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.scheduler.queries.models import BillingCycle


class CycleOut(msgspec.Struct):
    """A period of a subscription, `[period_start, period_end)`. `due_at` and `closed_at` are the tenant's time."""

    id: UUID
    subscription_id: UUID
    period_index: int
    period_start: datetime
    period_end: datetime
    due_at: datetime
    state: str
    epoch: int | None
    closed_at: datetime | None


def shown(cycle: BillingCycle) -> CycleOut:
    """A cycle on the wire."""
    return CycleOut(
        cycle.cycle_id,
        cycle.subscription_id,
        cycle.period_index,
        cycle.period_start,
        cycle.period_end,
        cycle.due_at,
        cycle.state,
        cycle.epoch,
        cycle.closed_at,
    )
