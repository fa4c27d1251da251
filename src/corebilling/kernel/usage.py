"""Questions about usage that other contexts ask, and what they get for an answer."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

Detail = Literal["total", "groups", "events"]
"""How closely a price has to look: one quantity, a quantity for each group of property values, or every event."""


class UsageWindow(msgspec.Struct, frozen=True):
    """The usage of one subscription and meter with timestamps in `[start, end)`, recorded up to and including `epoch`.

    `whole_start` and `whole_end` are the billing period that a shorter window was cut out of: a value held over time is
    weighted by the length of that period, so that the parts of a period add up to it. Absent where the window is whole.
    """

    tenant_id: UUID
    subscription_id: UUID
    meter_id: UUID
    start: datetime
    end: datetime
    epoch: int
    whole_start: datetime | None = None
    whole_end: datetime | None = None


class UsageQuestion(msgspec.Struct, frozen=True):
    """What a price needs to know of a window. `group_by` names event properties, for groups only."""

    window: UsageWindow
    detail: Detail = "total"
    group_by: tuple[str, ...] = ()


class UsageGroup(msgspec.Struct, frozen=True):
    """The quantity of the events whose properties have these values, in the order of `group_by`; None where one is absent."""

    values: tuple[str | None, ...]
    quantity: Decimal


class UsageFigures(msgspec.Struct, frozen=True):
    """The usage of a window, as closely as was asked.

    `quantity` is what the meter makes of the whole window, `event_count` how many events count in it. `groups` are
    ordered by their values. `amounts` are the quantities of single events in the order of their timestamps, ids breaking
    ties: so nothing depends on the order in which they arrived.
    """

    quantity: Decimal
    event_count: int = 0
    groups: tuple[UsageGroup, ...] = ()
    amounts: tuple[Decimal, ...] = ()


class LateWindow(msgspec.Struct, frozen=True):
    """Asks whether usage with timestamps before `before` was recorded in the epochs `(after_epoch, epoch]`."""

    tenant_id: UUID
    subscription_id: UUID
    before: datetime
    after_epoch: int
    epoch: int
