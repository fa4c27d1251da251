"""Payloads that the invoice context publishes. Amounts are integer minor units of `currency`."""

from datetime import datetime
from uuid import UUID

import msgspec


class InvoiceGenerated(msgspec.Struct, frozen=True):
    """An invoice was finalised and posted.

    `purpose` is `period`, `opening`, `change`, `late` or `one_off`. `subscription_id` is absent on one-off invoices and on those of
    several subscriptions, which `subscription_ids` names; the period is absent on one-off invoices.
    """

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
    purpose: str = "period"
    subscription_ids: tuple[UUID, ...] = ()


class InvoiceStatusChanged(msgspec.Struct, frozen=True):
    """A move in the invoice's state table."""

    invoice_id: UUID
    number: str | None
    before: str
    after: str


class InvoicePaid(msgspec.Struct, frozen=True):
    """Nothing is left to pay; `subscription_id` is absent on one-off invoices and those of several subscriptions.

    `purpose` is `period`, `opening`, `change`, `late` or `one_off`.
    """

    invoice_id: UUID
    number: str
    currency: str
    total_minor: int
    paid_at: datetime
    subscription_id: UUID | None = None
    purpose: str = "period"


class InvoiceVoided(msgspec.Struct, frozen=True):
    """An unpaid invoice was voided and its journal reversed by `journal_id`."""

    invoice_id: UUID
    number: str
    reason: str
    journal_id: UUID
    voided_at: datetime


class CreditIssued(msgspec.Struct, frozen=True):
    """A credit note was issued and posted: a correction of what `invoice_id` billed (absent if that was voided).

    `unapplied_minor` of it found no invoice to settle; the customer's receivables hold it.
    """

    credit_note_id: UUID
    number: str
    customer_id: UUID
    subscription_id: UUID
    invoice_id: UUID | None
    currency: str
    total_minor: int
    unapplied_minor: int
    issued_at: datetime
    journal_id: UUID


class CreditApplied(msgspec.Struct, frozen=True):
    """A credit note settled `amount_minor` of an invoice."""

    credit_note_id: UUID
    number: str
    customer_id: UUID
    invoice_id: UUID
    currency: str
    amount_minor: int
    applied_at: datetime
