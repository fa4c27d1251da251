"""Payloads that the payment context publishes. Amounts are integer minor units of `currency`."""

from datetime import datetime
from uuid import UUID

import msgspec


class PaymentSucceeded(msgspec.Struct, frozen=True):
    """Money arrived for an invoice and was posted as `journal_id`."""

    payment_id: UUID
    invoice_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    method: str
    reference: str
    journal_id: UUID
    paid_at: datetime
