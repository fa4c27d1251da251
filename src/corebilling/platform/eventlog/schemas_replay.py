"""How replays look on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, field

from corebilling.platform.jobs.schemas import JobOut

Instant = Annotated[
    datetime, Meta(tz=True, description="RFC 3339 with an offset; of the wall clock, at which events were written.")
]
Filter = Annotated[str, Meta(min_length=1, max_length=100)]
Filters = Annotated[
    list[Filter],
    Meta(max_length=50, description="Subjects, your own among them, `invoice.*` for all below a word; none: all."),
]
ConsumerName = Annotated[str, Meta(min_length=1, max_length=100, description="Only this consumer gets the events.")]
Why = Annotated[
    str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00]+$", description="Why, for whoever reads of it later.")
]
MOST_PER_SECOND = 5000
Rate = Annotated[int, Meta(ge=1, le=MOST_PER_SECOND, description="Events a second at most.")]


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which events to send on their way again: those written in `[from, to)`; without `to`, until now.

    `rebuild` empties the projection of `consumer` first, and ends when that has taken everything again; it reaches until now and
    takes neither subjects nor a resource. `dry_run` only counts.
    """

    start: Instant = field(name="from")
    end: Instant | None = field(name="to", default=None)
    subjects: Filters = field(default_factory=list)
    resource_id: UUID | None = None
    consumer: ConsumerName | None = None
    reason: Why
    rate_per_second: Rate = 500
    rebuild: bool = False
    dry_run: bool = False


class ReplayOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay's job was asked for, and by whom."""

    start: datetime = field(name="from")
    end: datetime = field(name="to")
    subjects: list[str]
    resource_id: UUID | None
    consumer: str | None
    reason: str
    rate_per_second: int
    rebuild: bool
    asked_by: str


class ReplaySubject(msgspec.Struct, frozen=True):
    """Events of one subject; `unpublished` of them the bus has refused for good so far."""

    subject: str
    events: int
    unpublished: int


class ReplayConsumer(msgspec.Struct, frozen=True):
    """What one consumer would get: `taken` of the events it has handled, parked or given up, and they have no second effect."""

    consumer: str
    events: int
    taken: int
    to_be_handled: int


class ReplayPlan(msgspec.Struct, frozen=True):
    """What a replay would send: at its rate it takes so many seconds."""

    events: int
    seconds: int
    subjects: list[ReplaySubject]
    consumers: list[ReplayConsumer]


class ReplayOut(msgspec.Struct, frozen=True):
    """A dry run's `plan`, or the `job` that does the replay."""

    plan: ReplayPlan | None = None
    job: JobOut | None = None


class ReplayResult(msgspec.Struct, frozen=True):
    """What a replay did. `forgotten` counts the rows of a projection that were deleted before it was rebuilt."""

    replayed: int
    forgotten: int
