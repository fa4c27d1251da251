"""What a subscription agreed to over time: its calendar, and who pays for what from when until when.

A contract is a timeline. Phases say what is subscribed to; calendars say where the periods lie. Both only ever grow at
their end, so a period that is over is computed the same for ever.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.errors import invalid_field
from corebilling.kernel.period import Interval, Period, boundary, period_at


class Calendar(msgspec.Struct, frozen=True):
    """Periods repeat from `anchor_at`; the one numbered `first_index` holds `starts_at` and begins there.

    A subscription has one calendar, and another one from each instant at which its billing interval changes.
    """

    anchor_at: datetime
    time_zone: str
    interval: Interval
    interval_count: int
    starts_at: datetime
    first_index: int = 0


class Item(msgspec.Struct, frozen=True):
    """One price that a subscription pays. `item_id` stays while neither price nor quantity nor definition change.

    `quantity` is what a recurring or one-off price is computed for (seats); usage prices have 1. `definition` is an
    override of the price's own, as JSON.
    """

    item_id: UUID
    price_id: UUID
    quantity: Decimal = Decimal(1)
    definition: str | None = None


class CouponUse(msgspec.Struct, frozen=True):
    """A coupon on a subscription: it discounts the periods `[first_index, last_index]` (None: for ever)."""

    redemption_id: UUID
    coupon_id: UUID
    code: str
    percent_off: Decimal | None
    amount_off_minor: int | None
    first_index: int
    last_index: int | None


class Phase(msgspec.Struct, frozen=True):
    """What is subscribed to in `[starts_at, ends_at)`. `items` None: all prices of the plan, once each (item id = price id).

    `commitment` is the least that a whole period costs, in major units; a part of a period owes its share.
    A paused phase without billing has no items at all. `credit_unused` False: what was charged ahead and isn't used
    because the phase ends early is kept.
    """

    starts_at: datetime
    ends_at: datetime | None
    plan_id: UUID
    items: tuple[Item, ...] | None = None
    commitment: Decimal | None = None
    credit_unused: bool = True


class Contract(msgspec.Struct, frozen=True):
    """A subscription as rating and previews see it. Billing runs in `[calendars[0].starts_at, ends_at)`: a trial lies before.

    `proration` is `second` or `day`: how parts of a period are counted. Phases are in order and leave no gap.
    """

    tenant_id: UUID
    subscription_id: UUID
    customer_id: UUID
    plan_id: UUID
    currency: str
    calendars: tuple[Calendar, ...]
    phases: tuple[Phase, ...]
    ends_at: datetime | None = None
    coupons: tuple[CouponUse, ...] = ()
    proration: Literal["second", "day"] = "second"
    consolidate: bool = False

    @property
    def starts_at(self) -> datetime:
        """When billing begins."""
        return self.calendars[0].starts_at

    @property
    def time_zone(self) -> str:
        """The zone that its calendars are kept in."""
        return self.calendars[-1].time_zone

    def whole_period(self, index: int) -> Period:
        """The `index`-th period as its calendar has it, uncut."""
        return whole_period(self.calendars, index)

    def period(self, index: int) -> Period:
        """The `index`-th period as it is billed: cut where billing begins or ends and where the calendar changes."""
        return billed_period(self.calendars, self.ends_at, index)

    def period_at(self, at: datetime) -> Period:
        """The billed period that holds the instant, or would if billing went on. Raises `Invalid` before billing begins."""
        if at < self.starts_at:
            raise invalid_field("/at", "the instant lies before the first period; send one on or after the start")
        calendar = next(c for c in reversed(self.calendars) if c.starts_at <= at)
        found = period_at(calendar.anchor_at, calendar.time_zone, calendar.interval, calendar.interval_count, at)
        return self.period(calendar.first_index + found.index)

    def phases_in(self, start: datetime, end: datetime) -> tuple[Phase, ...]:
        """The phases that run at some instant of `[start, end)`."""
        return tuple(p for p in self.phases if p.starts_at < end and (p.ends_at is None or p.ends_at > start))


def whole_period(calendars: Sequence[Calendar], index: int) -> Period:
    """The `index`-th period as its calendar has it, uncut."""
    calendar = calendars[_place_of(calendars, index)]
    offset = index - calendar.first_index
    return Period(_boundary(calendar, offset), _boundary(calendar, offset + 1), index)


def billed_period(calendars: Sequence[Calendar], ends_at: datetime | None, index: int) -> Period:
    """The `index`-th period cut where billing begins or ends and where the calendar changes.

    One that starts at or after `ends_at` doesn't count: nothing is billed then.
    """
    place = _place_of(calendars, index)
    calendar, whole = calendars[place], whole_period(calendars, index)
    ends = [whole.end]
    if place + 1 < len(calendars):
        ends.append(calendars[place + 1].starts_at)
    if ends_at is not None and ends_at > calendar.starts_at:
        ends.append(ends_at)
    return Period(max(whole.start, calendar.starts_at), min(ends), index)


def _place_of(calendars: Sequence[Calendar], index: int) -> int:
    return max(n for n, calendar in enumerate(calendars) if calendar.first_index <= index)


def _boundary(calendar: Calendar, offset: int) -> datetime:
    return boundary(calendar.anchor_at, calendar.time_zone, calendar.interval, calendar.interval_count, offset)
