"""What follows from the answer to one attempt."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

import msgspec

from corebilling.webhook.domain.states import DeliveryStatus

GONE = 410
LONGEST_WAIT = timedelta(days=1)
"""A receiver's Retry-After is honoured up to here, and no step of a schedule is longer."""
MOST_STEPS = 20
SPREAD = 0.1
"""A step of a schedule is stretched by up to this part of itself, so that what failed together doesn't return together."""

_STEP = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class RetryPolicy(msgspec.Struct, frozen=True):
    """When a failed delivery is tried again.

    With a schedule: its steps one by one, each stretched by up to `SPREAD`, and no more retries than steps. Without: full
    jitter under a delay that doubles, so attempt n waits up to `base * 2**n`, at most `longest`, `max_retries` times.
    """

    base: timedelta
    longest: timedelta
    max_retries: int
    schedule: tuple[timedelta, ...] = ()

    def following(self, seconds: Sequence[int] | None) -> "RetryPolicy":
        """This policy, or the schedule that an endpoint asks for."""
        if not seconds:
            return self
        return msgspec.structs.replace(self, schedule=tuple(timedelta(seconds=step) for step in seconds))

    def wait(self, attempts_before: int, jitter_permille: int) -> timedelta | None:
        """How long to wait after that attempt, None when it was the last."""
        if attempts_before >= (len(self.schedule) or self.max_retries):
            return None
        if self.schedule:
            return self.schedule[attempts_before] * (1 + SPREAD * jitter_permille / 1000)
        ceiling = min(self.longest, self.base * (1 << min(attempts_before, 30)))
        return ceiling * jitter_permille / 1000


class Verdict(msgspec.Struct, frozen=True):
    """The delivery's next state and, while it stays pending, how long it waits."""

    status: DeliveryStatus
    wait: timedelta | None = None
    endpoint: Literal["fine", "failing", "gone"] = "fine"


def judge(
    policy: RetryPolicy,
    *,
    status: int | None,
    retry_after: timedelta | None,
    attempts_before: int,
    jitter_permille: int,
) -> Verdict:
    """`status` is the HTTP status, None where no answer came; `jitter_permille` in [0, 1000] is drawn by the caller."""
    if status is not None and 200 <= status < 300:
        return Verdict("delivered")
    if status == GONE:
        return Verdict("dead_letter", endpoint="gone")
    wait = policy.wait(attempts_before, jitter_permille)
    if wait is None:
        return Verdict("dead_letter", endpoint="failing")
    return Verdict("pending", max(wait, retry_after or timedelta()), "failing")


def parse_schedule(text: str) -> tuple[timedelta, ...]:
    """The steps of a setting such as `5s,5m,30m,2h`; empty text has none. Raises ValueError, saying what is wrong."""
    steps: list[timedelta] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _STEP.fullmatch(part)
        step = int(found[1]) * _UNITS[found[2]] if found else timedelta()
        if not timedelta() < step <= LONGEST_WAIT:
            raise ValueError(f"{part} is no wait; write a number and s, m, h or d, from 1s to 1d, such as 5s,5m,30m,2h")
        steps.append(step)
    if len(steps) > MOST_STEPS:
        raise ValueError(f"{len(steps)} retries are too many; give at most {MOST_STEPS}")
    return tuple(steps)


def parse_retry_after(header: str | None, now: datetime) -> timedelta | None:
    """The wait that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), at most `LONGEST_WAIT`."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_WAIT.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year or an offset of twenty digits is no date either
        return None
    if at.tzinfo is None:
        return None
    return min(max(at - now, timedelta()), LONGEST_WAIT)
