"""What the scheduler knows of a subscription: where its periods lie, and what that makes of the cycle it has."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.contract import Calendar, billed_period
from corebilling.kernel.period import Period


class Schedule(msgspec.Struct, frozen=True):
    """A subscription's calendars, in order. No period starts at or after `ends_at`; without calendars there is none at all.

    Cycles with the same `group_key` that fall due at the same instant are invoiced together.
    """

    calendars: tuple[Calendar, ...]
    ends_at: datetime | None = None
    group_key: UUID | None = None

    def period(self, index: int) -> Period | None:
        """The billed period of this index, or None where the subscription has none (any more)."""
        if not self.calendars or index < self.calendars[0].first_index:
            return None
        found = billed_period(self.calendars, self.ends_at, index)
        return None if self.ends_by(found.start) else found

    def ends_by(self, at: datetime) -> bool:
        """Whether no period starts at this instant any more."""
        return not self.calendars or (self.ends_at is not None and self.ends_at <= at)


class Newest(msgspec.Struct, frozen=True):
    """The newest cycle of a subscription. All before it are closed."""

    period: Period
    due_at: datetime
    is_open: bool
    group_key: UUID | None


class Step(msgspec.Struct, frozen=True):
    """What a schedule asks for: a cycle to be opened, or the open one to have these bounds and due time."""

    what: Literal["open", "move"]
    period: Period
    due_at: datetime
    group_key: UUID | None


def step(schedule: Schedule, newest: Newest | None, grace: timedelta) -> Step | None:
    """What is to be done so that the one open cycle is as the schedule has it; None when it is.

    An open cycle that begins after the end falls due at once: who closes cycles drops it, and tells of the last one.
    """
    if newest is None:
        first = schedule.calendars[0].first_index if schedule.calendars else 0
        return _opened(schedule, first, grace)
    if not newest.is_open:
        return _opened(schedule, newest.period.index + 1, grace)
    period = schedule.period(newest.period.index)
    if period is None:
        due_at = min(newest.period.start, schedule.ends_at or newest.period.start)
        wanted = Step("move", newest.period, due_at, None)
    else:
        wanted = Step("move", period, period.end + grace, schedule.group_key)
    is_so = (newest.period, newest.due_at, newest.group_key) == (wanted.period, wanted.due_at, wanted.group_key)
    return None if is_so else wanted


def _opened(schedule: Schedule, index: int, grace: timedelta) -> Step | None:
    period = schedule.period(index)
    return None if period is None else Step("open", period, period.end + grace, schedule.group_key)
