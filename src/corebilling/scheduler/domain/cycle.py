"""Billing cycles: one for each period of a subscription, the next one opened when the last one closes."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.kernel.period import Period
from corebilling.scheduler.domain.schedule import Schedule


class Cycle(msgspec.Struct, frozen=True):
    """A period of a subscription that is open. It is due when its grace has passed, in the tenant's time.

    `group_key` is what it was opened with: open cycles of one key and due time are closed together.
    """

    tenant_id: UUID
    subscription_id: UUID
    cycle_id: UUID
    period: Period
    schedule: Schedule
    due_at: datetime
    group_key: UUID | None = None

    @property
    def is_beyond_end(self) -> bool:
        """Opened before its subscription's end was known: it isn't billed but removed."""
        return self.schedule.ends_by(self.period.start)

    @property
    def is_last(self) -> bool:
        """Whether no period follows."""
        return self.schedule.ends_by(self.period.end)

    def next(self, cycle_id: UUID, grace: timedelta) -> "Cycle":
        """The cycle after this one, which must not be the last."""
        following = self.schedule.period(self.period.index + 1)
        assert following is not None
        return Cycle(
            self.tenant_id,
            self.subscription_id,
            cycle_id,
            following,
            self.schedule,
            following.end + grace,
            self.schedule.group_key,
        )


class Together(msgspec.Struct, frozen=True):
    """A group of cycles that are closed in one transaction, and how many it has."""

    group_id: UUID
    size: int


def together(cycles: Sequence[Cycle], new_group_id: Callable[[], UUID]) -> list[Together | None]:
    """The group of each cycle, None for one that is alone."""
    members: dict[tuple[UUID, UUID, datetime], int] = defaultdict(int)
    for cycle in cycles:
        if cycle.group_key is not None:
            members[cycle.tenant_id, cycle.group_key, cycle.due_at] += 1
    groups = {key: Together(new_group_id(), size) for key, size in members.items() if size > 1}
    return [
        None if cycle.group_key is None else groups.get((cycle.tenant_id, cycle.group_key, cycle.due_at))
        for cycle in cycles
    ]
