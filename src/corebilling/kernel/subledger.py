"""What customers owe and what moved it, as the ledger tells others."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.journal import DocumentType


class Movement(msgspec.Struct, frozen=True):
    """What one journal did to what a customer owes: `amount_minor` is positive where it owes more, 0 where parts cancel out."""

    journal_id: UUID
    document_type: DocumentType
    document_id: UUID
    effective_at: datetime
    description: str
    amount_minor: int


class CustomerAccount(msgspec.Struct, frozen=True):
    """A customer's account in one currency over a period: what it owed before, and what moved, in the order of effect."""

    customer_id: UUID
    currency: str
    opening_minor: int
    movements: tuple[Movement, ...] = ()
