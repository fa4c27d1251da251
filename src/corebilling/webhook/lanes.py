"""One lane for each endpoint: how much of it a worker holds at a time, so that no endpoint delays another.

The width is how many posts may run at once. It starts at one, doubles while deliveries succeed quickly, and halves when one
fails or is slow. What a lane may hold besides follows the width, and what is over goes back to the database. So a slow or dead
endpoint has one post on the wire and a handful in memory, whatever waits for it.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from yarl import URL

from corebilling.platform.outbound import addresses
from corebilling.platform.secrets import SecretBox
from corebilling.webhook.domain import signing
from corebilling.webhook.queries.deliveries import ClaimDueRow

MOST_POSTS = 32
HELD_A_POST = 8
LEAST_HELD = 4
SLOW_SECONDS = 1.0

Standing = Literal["unknown", "quick", "troubled"]


class Target(msgspec.Struct, frozen=True):
    """Where a delivery goes and what signs it. `problem` says why it can't go anywhere."""

    url: URL
    key: bytes
    previous_key: bytes | None
    previous_until: datetime | None
    private: bool
    problem: str | None = None

    def keys(self, now: datetime) -> tuple[bytes, ...]:
        """The keys that sign now, newest first."""
        if self.previous_key is None or self.previous_until is None or now >= self.previous_until:
            return (self.key,)
        return (self.key, self.previous_key)


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
        "_target",
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
        self._described: tuple[object, ...] | None = None
        self._target: Target | None = None

    @property
    def window(self) -> int:
        """How many it may hold, those on the wire included."""
        return LEAST_HELD if self.width == 1 else self.width * HELD_A_POST

    @property
    def held(self) -> int:
        """Claimed and not yet settled."""
        return len(self.queue) + self.running

    @property
    def room(self) -> int:
        """How many more it may hold."""
        return max(0, self.window - self.held)

    def settle(self, *, succeeded: bool, seconds: float) -> list[Job]:
        """Take note of an attempt's end. Answers what is to go back to the database."""
        if succeeded and seconds <= SLOW_SECONDS:
            self.standing = "quick"
            self.width = min(MOST_POSTS, self.width * 2)
            return []
        self.standing = "troubled"
        self.width = max(1, self.width // 2)
        surplus = [self.queue.pop() for _ in range(min(len(self.queue), self.held - self.window))]
        self.hungry = self.hungry or bool(surplus)
        return surplus

    def target(self, row: ClaimDueRow, secret_box: SecretBox, private: bool) -> Target:
        """The target as the endpoint describes it now; opened and checked again only when it has changed.

        Raises SecretsError where the secret can't be opened.
        """
        described = (row.url, row.secret_sealed, row.previous_secret_sealed, row.previous_secret_until, private)
        if self._target is None or described != self._described:
            self._target, self._described = _target(row, secret_box.open, private), described
        return self._target


def _target(row: ClaimDueRow, open_secret: Callable[[str], str], private: bool) -> Target:
    assert row.url is not None
    assert row.secret_sealed is not None
    problem = addresses.url_refusal(row.url, allow_private=private)
    if problem is not None:
        return Target(URL(), b"", None, None, private, problem)
    key = signing.secret_key(open_secret(row.secret_sealed))
    sealed = row.previous_secret_sealed
    previous = signing.secret_key(open_secret(sealed)) if sealed else None
    return Target(URL(row.url), key, previous, row.previous_secret_until, private)
