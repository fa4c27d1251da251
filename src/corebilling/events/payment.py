"""Payloads that the payment context publishes. Amounts are integer minor units of `currency`."""

from datetime import datetime
from uuid import UUID

import msgspec


class PaymentSucceeded(msgspec.Struct, frozen=True):
    """Money arrived and was posted as `journal_id`.

    `invoice_id` is the invoice that it paid, absent where it paid none or several; `allocated_minor` of it went to invoices,
    the rest is the customer's credit.
    """

    payment_id: UUID
    invoice_id: UUID | None
    customer_id: UUID
    currency: str
    amount_minor: int
    method: str
    reference: str
    journal_id: UUID
    paid_at: datetime
    allocated_minor: int | None = None
    gateway: str | None = None


class PaymentRequested(msgspec.Struct, frozen=True):
    """A payment was asked for and will be taken from the customer's payment method by the gateway."""

    payment_id: UUID
    invoice_id: UUID | None
    customer_id: UUID
    currency: str
    amount_minor: int
    gateway: str
    payment_method_id: UUID | None
    requested_at: datetime


class PaymentFailed(msgspec.Struct, frozen=True):
    """The gateway declined or gave up; `code` is its word for why. `next_attempt_at` says when dunning tries again."""

    payment_id: UUID
    invoice_id: UUID | None
    customer_id: UUID
    currency: str
    amount_minor: int
    gateway: str
    code: str
    message: str
    failed_at: datetime
    next_attempt_at: datetime | None


class PaymentRefunded(msgspec.Struct, frozen=True):
    """A refund went out."""

    refund_id: UUID
    payment_id: UUID | None
    invoice_id: UUID | None
    customer_id: UUID
    currency: str
    amount_minor: int
    journal_id: UUID
    refunded_at: datetime


class PaymentDisputed(msgspec.Struct, frozen=True):
    """A chargeback: `status` is `opened`, `won` or `lost`. While it isn't won the invoice is owed again."""

    dispute_id: UUID
    payment_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    status: str
    reason: str
    at: datetime


class DunningStarted(msgspec.Struct, frozen=True):
    """An invoice wasn't paid when it should have been: collecting goes on until `next_attempt_at` and beyond."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    subscription_ids: tuple[UUID, ...]
    due_minor: int
    currency: str
    next_attempt_at: datetime | None
    started_at: datetime


class DunningEnded(msgspec.Struct, frozen=True):
    """Collecting is over. `outcome` is `paid`, `stopped`, or `exhausted`; then `finally_do` is the tenant's last measure:
    `none`, `cancel` (the subscriptions), `uncollectible` (the invoice) or `cancel_and_uncollectible`."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    subscription_ids: tuple[UUID, ...]
    outcome: str
    finally_do: str
    ended_at: datetime
