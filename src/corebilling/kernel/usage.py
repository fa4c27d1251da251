"""Questions about usage that other contexts ask."""

from datetime import datetime
from uuid import UUID

import msgspec


class UsageWindow(msgspec.Struct, frozen=True):
    """The usage of one subscription and meter with timestamps in `[start, end)`, recorded up to and including `epoch`."""

    tenant_id: UUID
    subscription_id: UUID
    meter_id: UUID
    start: datetime
    end: datetime
    epoch: int


class LateWindow(msgspec.Struct, frozen=True):
    """Asks whether usage with timestamps before `before` was recorded in the epochs `(after_epoch, epoch]`."""

    tenant_id: UUID
    subscription_id: UUID
    before: datetime
    after_epoch: int
    epoch: int
