"""Payloads that the invoice context publishes. Amounts are integer minor units of `currency`."""

from datetime import datetime
from uuid import UUID

import msgspec


class InvoiceGenerated(msgspec.Struct, frozen=True):
    """An invoice was finalised and posted; `subscription_id` and the period are absent on one-off invoices."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    subscription_id: UUID | None
    period_start: datetime | None
    period_end: datetime | None
    currency: str
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    issued_at: datetime
    due_at: datetime
    journal_id: UUID | None


class InvoiceStatusChanged(msgspec.Struct, frozen=True):
    """A move in the invoice's state table."""

    invoice_id: UUID
    number: str | None
    before: str
    after: str


class InvoicePaid(msgspec.Struct, frozen=True):
    """Nothing is left to pay."""

    invoice_id: UUID
    number: str
    currency: str
    total_minor: int
    paid_at: datetime


class InvoiceVoided(msgspec.Struct, frozen=True):
    """An unpaid invoice was voided and its journal reversed by `journal_id`."""

    invoice_id: UUID
    number: str
    reason: str
    journal_id: UUID
    voided_at: datetime
