"""Billing cycles: one for each period of a subscription, the next one opened when the last one closes."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.kernel.period import Interval, Period, period


class Calendar(msgspec.Struct, frozen=True):
    """Where a subscription's periods lie. No period starts at or after `ends_at`."""

    anchor_at: datetime
    time_zone: str
    interval: Interval
    interval_count: int
    ends_at: datetime | None = None

    def period(self, index: int) -> Period:
        """The period of this index."""
        return period(self.anchor_at, self.time_zone, self.interval, self.interval_count, index)

    def ends_by(self, at: datetime) -> bool:
        """Whether no period starts at this instant any more."""
        return self.ends_at is not None and self.ends_at <= at


class Cycle(msgspec.Struct, frozen=True):
    """A period of a subscription that is open. It is due when its grace has passed, in the tenant's time."""

    tenant_id: UUID
    subscription_id: UUID
    cycle_id: UUID
    period: Period
    calendar: Calendar

    @property
    def is_beyond_end(self) -> bool:
        """Opened before its subscription's end was known: it isn't billed but removed."""
        return self.calendar.ends_by(self.period.start)

    @property
    def is_last(self) -> bool:
        """Whether no period follows."""
        return self.calendar.ends_by(self.period.end)

    def next(self, cycle_id: UUID) -> "Cycle":
        """The cycle after this one."""
        following = self.calendar.period(self.period.index + 1)
        return Cycle(self.tenant_id, self.subscription_id, cycle_id, following, self.calendar)

    def due_at(self, grace: timedelta) -> datetime:
        """When it may be closed."""
        return self.period.end + grace
