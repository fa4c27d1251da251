"""What follows from the answer to one attempt."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

import msgspec

from corebilling.webhook.domain.states import DeliveryStatus

GONE = 410
LONGEST_WAIT = timedelta(days=1)
"""A receiver's Retry-After is honoured up to here."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """Full jitter under a delay that doubles: attempt n waits up to `base * 2**n`, at most `longest`."""

    base: timedelta
    longest: timedelta
    max_retries: int


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
    if attempts_before >= policy.max_retries:
        return Verdict("dead_letter", endpoint="failing")
    ceiling = min(policy.longest, policy.base * 2 ** min(attempts_before, 30))
    wait = max(ceiling * jitter_permille / 1000, retry_after or timedelta())
    return Verdict("pending", wait, "failing")


def parse_retry_after(header: str | None, now: datetime) -> timedelta | None:
    """The wait that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), at most `LONGEST_WAIT`."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_WAIT.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return min(max(at - now, timedelta()), LONGEST_WAIT)
