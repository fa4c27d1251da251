"""Wire structs of collections."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.party import DunningEnd
from corebilling.payment.domain.states import CollectionStatus


class CollectionStop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stop collecting an invoice."""

    reason: Annotated[str, Meta(min_length=1, max_length=255)]


class CollectionOut(msgspec.Struct, frozen=True):
    """How an invoice is collected. Dunning began at `started_at`; `step` counts the retry days behind it.

    Without `next_attempt_at` an active one waits for a payment that is on its way.
    """

    invoice_id: UUID
    customer_id: UUID
    number: str
    currency: str
    subscription_ids: list[UUID]
    status: CollectionStatus
    step: int
    retry_days: list[int]
    finally_do: DunningEnd
    due_at: datetime
    started_at: datetime | None
    next_attempt_at: datetime | None
    ended_at: datetime | None
    stop_reason: str | None
    created_at: datetime
