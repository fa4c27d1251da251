"""From when a subscription counts, and where its periods are anchored."""

from datetime import datetime, timedelta

import msgspec

from corebilling.kernel.errors import invalid_field
from corebilling.kernel.period import Interval, period, period_at

MAX_BACKDATED = timedelta(days=31)
"""So long ago a subscription may start: what was sold this month can still be entered."""

MAX_AHEAD = timedelta(days=1827)
"""Five years; a start further away is a slip of the pen."""


_LONGEST_PERIOD = timedelta(days=13 * 366)
"""Longer than any period can be; calendars are not asked about anchors from antiquity."""


class Terms(msgspec.Struct, frozen=True):
    """`starts_at` is the first instant whose usage counts; periods repeat from `anchor_at`, and the first holds `starts_at`."""

    starts_at: datetime
    anchor_at: datetime


def agreed(
    start_at: datetime | None,
    anchor_at: datetime | None,
    *,
    now: datetime,
    time_zone: str,
    interval: Interval,
    interval_count: int,
    pointer: str = "",
) -> Terms:
    """The terms of a new subscription; without a start it starts now, to the second, and without an anchor at its start.

    Raises `Invalid`, its pointer below `pointer`, for a start out of reach and for an anchor that would put the start
    into another period than the first: earlier periods would be billed for nothing.
    """
    starts = start_at or now.replace(microsecond=0)
    if starts < now - MAX_BACKDATED:
        raise invalid_field(
            f"{pointer}/start_at",
            f"a subscription may start at most {MAX_BACKDATED.days} days ago; send {(now - MAX_BACKDATED).isoformat()} or later",
        )
    if starts > now + MAX_AHEAD:
        raise invalid_field(f"{pointer}/start_at", "the start lies more than five years ahead; send an earlier one")
    anchor = anchor_at or starts
    if anchor > starts:
        raise invalid_field(f"{pointer}/anchor_at", "the anchor lies after the start; send one at or before start_at")
    if starts - anchor > _LONGEST_PERIOD or period(anchor, time_zone, interval, interval_count, 0).end <= starts:
        raise invalid_field(
            f"{pointer}/anchor_at", "the anchor lies a whole period or more before the start; send a later one"
        )
    return Terms(starts, anchor)


def end_of_period(terms: Terms, *, now: datetime, time_zone: str, interval: Interval, interval_count: int) -> datetime:
    """When the running period ends; before the start, when the first one does."""
    return period_at(terms.anchor_at, time_zone, interval, interval_count, max(now, terms.starts_at)).end
