"""What dispatcher and router ask of an event bus: the boundary that an adapter for one broker fills.

Guarantees asked for: a message that was acknowledged is delivered at least once to every consumer group subscribed to
its subject until acknowledged by it; messages of one key are published in order. Publishing an id again soon may be dropped,
or delivered twice: the inbox decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol
from uuid import UUID


class BusUnavailable(Exception):
    """The bus can't be reached or has no room: wait and try again, it is no message's fault."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to publish. `id` is what the bus dedupes by; `key` keeps messages of one resource in order."""

    id: str
    subject: str
    key: UUID
    body: bytes


class Outcome(Enum):
    """What became of a publish."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """The bus will never take this message (too large): its own fault."""
    HELD_BACK = "held back"
    """Not sent, because an earlier message of its key was refused."""
    UNKNOWN = "unknown"
    """No answer, or the bus is in trouble: publish it again, under the same id."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The outcome for one message; `error` says why where it was not acknowledged."""

    outcome: Outcome
    error: str = ""


ACKNOWLEDGED = PublishResult(Outcome.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message received. `receipt` belongs to the adapter."""

    body: bytes
    receipt: Any


class Level(Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What an inspection of the bus saw: `what` about which part, and where it isn't well what to do about it."""

    level: Level
    what: str
    advice: str = ""


class Subscription(Protocol):
    """A durable consumer group's place in the stream."""

    async def fetch(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        """What is there, up to a limit; waits for the first one, and answers nothing after the wait.

        Raises BusUnavailable.
        """
        ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Never deliver these again. A lost acknowledgement means another delivery. Doesn't raise for a lost bus."""
        ...

    async def extend(self, deliveries: Sequence[Delivery]) -> None:
        """Still working on these: put off their next delivery by `acknowledge_seconds`."""
        ...

    async def lag(self) -> int:
        """Messages that the group hasn't acknowledged, delivered or not. Raises BusUnavailable."""
        ...

    @property
    def acknowledge_seconds(self) -> float:
        """How long a delivery may stay without acknowledgement or extension before it is delivered again."""
        ...


class Bus(Protocol):
    """A connection to the event bus."""

    async def connect(self, *, declare: bool = True) -> None:
        """Connect and make streams or topics that are missing, or with `declare=False` look on only.

        Waits for the bus as long as it takes. Connecting twice does no harm.
        """
        ...

    @property
    def is_connected(self) -> bool:
        """Whether the bus answers right now, for readiness."""
        ...

    async def publish(self, messages: Sequence[OutgoingMessage]) -> Sequence[PublishResult]:
        """Publish in order without waiting in between; one result each, in order. Raises BusUnavailable if none could go."""
        ...

    async def consume(self, durable: str, subjects: Sequence[str]) -> Subscription:
        """Join a consumer group on some subjects, making the group if need be. Raises BusUnavailable."""
        ...

    async def declare(self, durable: str, subjects: Sequence[str]) -> Sequence[str]:
        """Make or mend streams or topics and the consumer group, as configured; answers a line for each change made.

        Raises BusUnavailable.
        """
        ...

    async def inspect(self, durable: str, subjects: Sequence[str]) -> Sequence[Finding]:
        """What is there against what is configured: existence, retention, replicas, the group. Changes nothing.

        Raises BusUnavailable.
        """
        ...

    async def backlog(self, durable: str) -> int | None:
        """Messages that a consumer group hasn't acknowledged, delivered or not; None if there is no such group yet.

        Raises BusUnavailable.
        """
        ...

    async def has_handled(self, durable: str, before: datetime) -> bool:
        """Whether the group has acknowledged everything that was published before an instant; False if there is no such
        group. Raises BusUnavailable.
        """
        ...

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        ...
