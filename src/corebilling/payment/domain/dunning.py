"""When an invoice that wasn't paid is tried again, and when that is enough."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """Where collecting stands after an attempt that brought nothing. Without `next_attempt_at` the schedule is exhausted."""

    started_at: datetime
    step: int
    next_attempt_at: datetime | None


def turn(started_at: datetime | None, step: int, retry_days: Sequence[int], at: datetime) -> Turn:
    """The attempt of `at` brought nothing: try again so many days of 24 hours after the first one that didn't.

    `step` counts the days of the schedule that are used up. Days that have passed meanwhile aren't made up for.
    """
    began = started_at or at
    for number, days in enumerate(retry_days[step:], start=step + 1):
        if (due := began + timedelta(days=days)) > at:
            return Turn(began, number, due)
    return Turn(began, len(retry_days), None)
