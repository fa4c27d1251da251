"""Wire structs of refunds and disputes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.money import MAX_MINOR
from corebilling.payment.domain.states import DisputeStatus, RefundStatus

Mode = Literal["credit", "reopen"]


class RefundCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money to give back; without `amount_minor` all that is left of the payment.

    `invoice` says what becomes of the invoices that it paid: a credit note (`credit`), or they are owed again (`reopen`).
    `reference` is of a transfer that the tenant makes itself.
    """

    reason: Annotated[str, Meta(min_length=1, max_length=255)]
    amount_minor: Annotated[int, Meta(ge=1, le=MAX_MINOR)] | None = None
    invoice: Mode = "credit"
    reference: Annotated[str, Meta(max_length=255)] = ""


class RefundPartOut(msgspec.Struct, frozen=True):
    """What a refund was taken from: an invoice, with its credit note where there is one, or the customer's credit."""

    invoice_id: UUID | None
    amount_minor: int
    credit_note_id: UUID | None


class RefundOut(msgspec.Struct, frozen=True):
    """A refund and its journals: promised, paid out, and not paid out or come back."""

    id: UUID
    payment_id: UUID
    customer_id: UUID
    status: RefundStatus
    currency: str
    amount_minor: int
    invoice: Mode
    reason: str
    reference: str
    gateway: str
    gateway_refund_id: str | None
    journal_id: UUID
    paid_journal_id: UUID | None
    failed_journal_id: UUID | None
    failure_code: str | None
    failure_message: str | None
    requested_at: datetime
    settled_at: datetime | None
    created_at: datetime
    parts: tuple[RefundPartOut, ...] = ()


class DisputeOut(msgspec.Struct, frozen=True):
    """A chargeback. Without a journal it came before its payment's success and hasn't taken effect."""

    id: UUID
    payment_id: UUID
    customer_id: UUID
    gateway_dispute_id: str
    status: DisputeStatus
    currency: str
    amount_minor: int
    fee_minor: int
    lost_minor: int
    reason: str
    journal_id: UUID | None
    won_journal_id: UUID | None
    opened_at: datetime
    closed_at: datetime | None
    created_at: datetime
