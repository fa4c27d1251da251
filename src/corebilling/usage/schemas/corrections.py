"""Wire structs of corrections."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, field

from corebilling.kernel.decimals import DecimalText
from corebilling.usage.domain.correction import BackfillMode, CorrectionKind
from corebilling.usage.domain.event import Instant, Name, Text

Reason = Annotated[
    str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00]+$", description="Why, for whoever reads the trail.")
]

MAX_BACKFILL = 10_000


class EventVoid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The event to take back, by the `id` and `source` it was sent under.

    Events accepted more than 35 days ago may need `subscription_id` too; their `timestamp` saves searching.
    """

    id: Name
    source: Text | None = None
    subscription_id: Name | None = None
    timestamp: Instant | None = None
    reason: Reason


class EventChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the event should have said; what isn't sent stays. `properties` replaces all of them."""

    value: Decimal | None = None
    properties: msgspec.Raw = field(default_factory=msgspec.Raw)
    timestamp: Instant | None = None


class EventAmend(EventVoid, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The event to put right, named as for voiding it, and what it should have said."""

    change: EventChange


class BackfillEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One event of a backfill; meter and owner are the backfill's."""

    id: Name
    timestamp: Instant
    source: Text | None = None
    value: Decimal | None = None
    properties: msgspec.Raw = field(default_factory=msgspec.Raw)


class BackfillCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Usage of one meter in `[from, to)`, of a subscription or of whichever subscription of a customer ran at the time.

    `add` adds what isn't there; `replace` takes back what is there and isn't sent, or is sent differently.
    """

    meter: Name
    subscription_id: Name | None = None
    customer_id: Name | None = None
    start: Instant = field(name="from")
    end: Instant = field(name="to")
    mode: BackfillMode = "add"
    reason: Reason
    events: Annotated[list[BackfillEvent], Meta(max_length=MAX_BACKFILL)]


class Touched(msgspec.Struct, frozen=True):
    """Events that a correction touched, and the sum of what they count."""

    events: int
    quantity: DecimalText


class CorrectionOut(msgspec.Struct, frozen=True):
    """What was put right: by whom, why, and what it was `before` and is `after`. `epoch` is the watermark it counts from."""

    id: UUID
    kind: CorrectionKind
    mode: BackfillMode | None
    reason: str
    actor: str
    request_id: str
    created_at: datetime
    epoch: int
    meter: str
    subscription_ids: list[UUID]
    range_start: datetime
    range_end: datetime
    before: Touched
    after: Touched
    details: msgspec.Raw


class BackfillAnswer(msgspec.Struct, frozen=True):
    """What a backfill did. `correction` is null where everything was there already."""

    added: int
    voided: int
    unchanged: int
    correction: CorrectionOut | None
