"""Wire structs of payments. Amounts are integer minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.money import MAX_MINOR
from corebilling.payment.domain.states import Status

Method = Literal["bank_transfer", "card", "cash", "check", "other"]


class PaymentCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money that arrived for an invoice. Without `amount_minor` it is all that is left of the invoice.

    `reference` is what the bank statement or receipt says. `currency`, where given, must be the invoice's.
    """

    invoice_id: UUID
    method: Method
    reference: Annotated[str, Meta(min_length=1, max_length=255)]
    amount_minor: Annotated[int, Meta(ge=1, le=MAX_MINOR)] | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None


class PaymentOut(msgspec.Struct, frozen=True):
    """A payment and the journal it was posted as."""

    id: UUID
    invoice_id: UUID
    customer_id: UUID
    status: Status
    currency: str
    amount_minor: int
    method: Method
    reference: str
    journal_id: UUID | None
    paid_at: datetime
    created_at: datetime
