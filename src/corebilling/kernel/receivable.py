"""What customers owe at an instant, as invoice tells the ledger."""

from datetime import datetime
from uuid import UUID

import msgspec


class Receivable(msgspec.Struct, frozen=True):
    """An invoice of which something is left. `id` is the invoice's."""

    id: UUID
    number: str
    customer_id: UUID
    currency: str
    issued_at: datetime
    due_at: datetime
    left_minor: int


class Aged(msgspec.Struct, frozen=True):
    """What is left of invoices in one currency, by how many days ago it was due: of a customer, or (None) of all together."""

    currency: str
    customer_id: UUID | None
    customer_count: int
    not_due_minor: int
    days_0_30_minor: int
    days_31_60_minor: int
    days_61_90_minor: int
    over_90_minor: int
