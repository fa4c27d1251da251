"""One lane for each endpoint: how much of it a worker holds at a time, so that no endpoint delays another.

The width is how many posts may run at once. It starts at one, doubles while deliveries succeed quickly, and halves when one
fails or is slow. What a lane may hold besides follows the width, and what is over goes back to the database. So a slow or dead
endpoint has one post on the wire and a handful in memory, whatever waits for it.
"""

from collections import deque
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.platform.secrets import SecretBox
from corebilling.webhook import targets
from corebilling.webhook.domain.retry import RetryPolicy
from corebilling.webhook.queries.deliveries import DescribeTargetsRow
from corebilling.webhook.targets import Target

MOST_POSTS = 32
HELD_A_POST = 8
LEAST_HELD = 4
SLOW_SECONDS = 1.0

Standing = Literal["unknown", "quick", "troubled"]


class Job(msgspec.Struct, frozen=True):
    """One claimed delivery."""

    tenant_id: UUID
    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    subject: str
    attempts: int
    body: bytes
    traceparent: str | None
    target: Target
    lease_until: datetime


class Lane:
    """The deliveries of one endpoint that this worker holds."""

    __slots__ = (
        "_described",
        "_most_held",
        "_target",
        "held_bytes",
        "hungry",
        "queue",
        "runners",
        "running",
        "standing",
        "used_at",
        "width",
    )

    def __init__(self, *, failing: bool, now: float) -> None:
        self.queue: deque[Job] = deque()
        self.running = 0
        self.runners = 0
        self.width = 1
        self.standing: Standing = "troubled" if failing else "unknown"
        self.hungry = False  # took all it had room for, so there may be more
        self.used_at = now
        self.held_bytes = 0
        self._described: DescribeTargetsRow | None = None
        self._target: Target | None = None
        self._most_held: int | None = None

    @property
    def window(self) -> int:
        """How many it may hold, those on the wire included."""
        window = LEAST_HELD if self.width == 1 else self.width * HELD_A_POST
        return window if self._most_held is None else min(window, self._most_held)

    @property
    def held(self) -> int:
        """Claimed and not yet settled."""
        return len(self.queue) + self.running

    @property
    def room(self) -> int:
        """How many more it may hold."""
        return max(0, self.window - self.held)

    def add(self, job: Job) -> None:
        """A claimed delivery waits for its turn."""
        self.queue.append(job)
        self.held_bytes += len(job.body)

    def settle(self, *, succeeded: bool, seconds: float) -> list[Job]:
        """Take note of an attempt's end. Answers what is to go back to the database."""
        if succeeded and seconds <= SLOW_SECONDS:
            self.standing = "quick"
            self.width = min(MOST_POSTS, self.width * 2)
            return []
        self.standing = "troubled"
        self.width = max(1, self.width // 2)
        surplus = [self.queue.pop() for _ in range(min(len(self.queue), self.held - self.window))]
        self.held_bytes -= sum(len(job.body) for job in surplus)
        self.hungry = self.hungry or bool(surplus)
        return surplus

    def target(self, row: DescribeTargetsRow, box: SecretBox, *, allow_private: bool, retries: RetryPolicy) -> Target:
        """The target as the endpoint describes it now; opened and checked again only when it has changed.

        Raises SecretsError where what it keeps encrypted can't be opened.
        """
        if self._target is None or (row is not self._described and row != self._described):
            self._target = targets.opened(row, box, allow_private=allow_private, retries=retries)
        self._described = row
        self._most_held = self._target.most_held
        return self._target
