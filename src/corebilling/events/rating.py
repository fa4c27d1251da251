"""Payloads that the rating context publishes."""

from datetime import datetime
from uuid import UUID

import msgspec


class UsageRated(msgspec.Struct, frozen=True):
    """The open period's live total moved. `amount_minor` is in `currency`; `epoch` is the usage watermark."""

    subscription_id: UUID
    period_start: datetime
    period_end: datetime
    currency: str
    amount_minor: int
    epoch: int


class RatingCompleted(msgspec.Struct, frozen=True):
    """Charges are final; ask rating for them by `rating_id`.

    `purpose` is `period` for a closed one, else `opening` or `change` with the number of the request: then the charges
    are what was due at `closed_at`; or `late` with a number: what came since a subscription's last closing. Ratings with
    the same `group_id` go on one invoice; there are `group_size` of them.
    """

    rating_id: UUID
    cycle_id: UUID
    subscription_id: UUID
    customer_id: UUID
    period_index: int
    period_start: datetime
    period_end: datetime
    closed_at: datetime
    currency: str
    total_minor: int
    epoch: int
    engine_version: str
    purpose: str = "period"
    request_no: int = 0
    group_id: UUID | None = None
    group_size: int = 0


class RatingFailed(msgspec.Struct, frozen=True):
    """A closed period can't be rated until someone mends the cause named in `reason`."""

    cycle_id: UUID
    subscription_id: UUID
    period_start: datetime
    period_end: datetime
    reason: str
