"""Money that arrives for invoices, as payment hands it to invoice and back."""

from datetime import datetime
from uuid import UUID

import msgspec


class Settlement(msgspec.Struct, frozen=True):
    """Money for an invoice. `amount_minor` None settles what is left; `currency` None takes the invoice's."""

    tenant_id: UUID
    invoice_id: UUID
    amount_minor: int | None
    currency: str | None
    paid_at: datetime


class SettledInvoice(msgspec.Struct, frozen=True):
    """What a settlement came to: who paid how much, and what is left of the invoice."""

    tenant_id: UUID
    invoice_id: UUID
    number: str
    customer_id: UUID
    currency: str
    amount_minor: int
    left_minor: int
