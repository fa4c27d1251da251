"""From when a subscription counts, how long its trial lasts, and where its periods are anchored."""

from datetime import UTC, datetime, timedelta

import msgspec

from corebilling.kernel.errors import invalid_field
from corebilling.kernel.period import Interval, zone
from corebilling.subscription.domain import timeline
from corebilling.subscription.domain.agreement import Alignment

MAX_BACKDATED = timedelta(days=366)
"""So long ago a subscription may start: a year of a contract that was kept elsewhere can be taken over."""

MAX_AHEAD = timedelta(days=1827)
"""Five years; a start, an end or a change further away is a slip of the pen."""

MAX_TRIAL_DAYS = 730

REMINDER = timedelta(days=3)
"""So long before its end a trial is said to be ending; a shorter one at once."""

FIRST_PAYMENT = timedelta(hours=23)
"""So long an incomplete subscription waits for its first payment, before it expires."""

_LONGEST_PERIOD = timedelta(days=13 * 366)
"""Longer than any period can be; calendars are not asked about anchors from antiquity."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was said about time. `trial_days` None and no `trial_ends_at`: as the plan has it."""

    start_at: datetime | None = None
    anchor_at: datetime | None = None
    alignment: Alignment | None = None
    trial_days: int | None = None
    trial_ends_at: datetime | None = None


class Terms(msgspec.Struct, frozen=True):
    """Usage counts from `starts_at`, money from `billing_starts_at`: the trial lies between. Periods repeat from `anchor_at`."""

    starts_at: datetime
    billing_starts_at: datetime
    anchor_at: datetime
    alignment: Alignment
    trial_ends_at: datetime | None


def agreed(
    asked: Asked,
    *,
    now: datetime,
    time_zone: str,
    interval: Interval,
    interval_count: int,
    trial_days: int = 0,
    pointer: str = "",
) -> Terms:
    """The terms of a new subscription; without a start it starts now, to the second, and is billed once its trial is over.

    Raises `Invalid`, its pointer below `pointer`, for a start or a trial out of reach and for an anchor that would put
    the start into another period than the first: there would be periods before it.
    """
    starts = asked.start_at or now.replace(microsecond=0)
    if starts < now - MAX_BACKDATED:
        earliest = (now - MAX_BACKDATED).isoformat()
        raise invalid_field(
            f"{pointer}/start_at", f"a subscription may start at most a year ago; send {earliest} or later"
        )
    if starts > now + MAX_AHEAD:
        raise invalid_field(f"{pointer}/start_at", "the start lies more than five years ahead; send an earlier one")
    trial_ends = _trial_end(asked, starts, time_zone, trial_days, pointer)
    billing_starts = trial_ends or starts
    if asked.anchor_at is not None and asked.alignment == "calendar":
        raise invalid_field(
            f"{pointer}/anchor_at", "alignment calendar has its own anchor; leave out anchor_at or the alignment"
        )
    alignment = asked.alignment or "anniversary"
    anchor = asked.anchor_at or timeline.anchor(alignment, billing_starts, time_zone, interval)
    if asked.anchor_at is not None:
        _require_first_period(anchor, billing_starts, time_zone, interval, interval_count, pointer)
    return Terms(starts, billing_starts, anchor, alignment, trial_ends)


def _trial_end(asked: Asked, starts: datetime, time_zone: str, plan_trial_days: int, pointer: str) -> datetime | None:
    if asked.trial_ends_at is not None:
        if asked.trial_days is not None:
            raise invalid_field(f"{pointer}/trial_days", "send trial_days or trial_end, not both")
        if not starts < asked.trial_ends_at <= starts + timedelta(days=MAX_TRIAL_DAYS):
            raise invalid_field(
                f"{pointer}/trial_end", f"a trial ends after the start and at most {MAX_TRIAL_DAYS} days later"
            )
        return asked.trial_ends_at
    days = plan_trial_days if asked.trial_days is None else asked.trial_days
    return days_later(starts, days, time_zone) if days else None


def days_later(at: datetime, days: int, time_zone: str) -> datetime:
    """The same time of day so many days later, by the clocks of the zone."""
    local = at.astimezone(zone(time_zone))
    return (local.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=local.tzinfo).astimezone(UTC)


def _require_first_period(
    anchor: datetime, starts: datetime, time_zone: str, interval: Interval, interval_count: int, pointer: str
) -> None:
    if anchor > starts:
        raise invalid_field(
            f"{pointer}/anchor_at", "the anchor lies after the start of billing; send one at or before it"
        )
    if starts - anchor > _LONGEST_PERIOD or not timeline.holds(anchor, time_zone, interval, interval_count, starts):
        raise invalid_field(
            f"{pointer}/anchor_at", "the anchor lies a whole period or more before the start; send a later one"
        )


def reminder_at(starts_at: datetime, trial_ends_at: datetime) -> datetime:
    """When the end of a trial is announced."""
    return max(starts_at, trial_ends_at - REMINDER)
