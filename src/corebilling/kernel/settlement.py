"""Money for invoices, as payment hands it to invoice and back."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec


class Settlement(msgspec.Struct, frozen=True):
    """Money for an invoice. `amount_minor` None settles what is left; `currency` None takes the invoice's.

    With `at_most`, for money that has arrived already, as much is taken as is left, nothing of an invoice that can't be
    paid: the rest is the customer's credit. Without it, more than is left is refused.
    """

    tenant_id: UUID
    invoice_id: UUID
    amount_minor: int | None
    currency: str | None
    paid_at: datetime
    at_most: bool = False


class SettledInvoice(msgspec.Struct, frozen=True):
    """What a settlement came to: who paid how much, and what is left of the invoice."""

    tenant_id: UUID
    invoice_id: UUID
    number: str
    customer_id: UUID
    currency: str
    amount_minor: int
    left_minor: int


class Reversal(msgspec.Struct, frozen=True):
    """Money that was taken for an invoice and went back: the invoice is owed again by so much."""

    tenant_id: UUID
    invoice_id: UUID
    amount_minor: int
    at: datetime


class OpenInvoice(msgspec.Struct, frozen=True):
    """An invoice that waits for money."""

    tenant_id: UUID
    invoice_id: UUID
    number: str
    customer_id: UUID
    currency: str
    total_minor: int
    left_minor: int
    issued_at: datetime
    due_at: datetime
    subscription_ids: tuple[UUID, ...] = ()


GrantSource = Literal["purchase", "promotion", "overpayment", "credit_note", "refund_failed"]
"""Where a customer's credit comes from: paid for, given, paid too much, or what a credit note gave back."""


class GrantDraft(msgspec.Struct, frozen=True):
    """Credit for a customer, in minor units of one currency. Lower `priority` is used first, then what expires first.

    `journal_id` is the journal that put it on Customer credit (2300), where another document did so.
    """

    tenant_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    source: GrantSource
    granted_at: datetime
    source_id: UUID | None = None
    journal_id: UUID | None = None
    priority: int = 100
    expires_at: datetime | None = None
    description: str | None = None
    reference: str | None = None


class CreditRefund(msgspec.Struct, frozen=True):
    """What a refund asks of the invoice that was paid: a credit note over `amount_minor`, whose credit is then drawn."""

    tenant_id: UUID
    invoice_id: UUID
    amount_minor: int
    reason: str
    at: datetime


class DrawnCredit(msgspec.Struct, frozen=True):
    """Credit taken out of a customer's wallet to be paid out; `grant_ids` are the grants that it came from."""

    tenant_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    grant_ids: tuple[UUID, ...]
    credit_note_id: UUID | None = None


class Standing(msgspec.Struct, frozen=True):
    """Where a final invoice stands: `open`, `paid`, `void` or `uncollectible`, and what may still be paid of it."""

    status: str
    left_minor: int


class Receipt(msgspec.Struct, frozen=True):
    """What a payment paid of an invoice. `reopened_minor` of it is owed again (refunds that reopened the invoice, disputes).

    `refunded_minor` went back with a credit note, which leaves the invoice as it is.
    """

    invoice_id: UUID
    payment_id: UUID
    status: str
    method: str
    gateway: str
    reference: str
    journal_id: UUID | None
    paid_at: datetime | None
    amount_minor: int
    reopened_minor: int
    refunded_minor: int
