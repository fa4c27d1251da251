"""Wire structs of credit notes. Amounts are integer minor units of `currency`; quantities are decimal strings."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.decimals import DecimalText


class CreditNoteOut(msgspec.Struct, frozen=True):
    """A credit note without its lines. It corrects what `invoice_id` billed (absent if that was voided).

    `applied_minor` of its total settled invoices; `unapplied_minor` found none to settle: the customer's receivables hold it.
    """

    id: UUID
    number: str
    customer_id: UUID
    subscription_id: UUID
    invoice_id: UUID | None
    rating_id: UUID
    currency: str
    total_minor: int
    applied_minor: int
    unapplied_minor: int
    issued_at: datetime
    journal_id: UUID
    created_at: datetime


class CreditLineOut(msgspec.Struct, frozen=True):
    """What was billed for a period, what it should have been, and the difference, which is given back."""

    line_no: int
    description: str
    quantity: DecimalText
    unit: str | None
    billed_minor: int
    corrected_minor: int
    amount_minor: int
    period_start: datetime
    period_end: datetime
    price_id: UUID | None
    meter: str | None
    note: str | None


class AppliedOut(msgspec.Struct, frozen=True):
    """A part of an invoice that the credit note settled."""

    invoice_id: UUID
    amount_minor: int
    applied_at: datetime


class CreditNoteDetailOut(CreditNoteOut, frozen=True):
    """A credit note with its lines, what it settled, and the parties as they stood when it was issued."""

    seller_name: str
    customer_name: str
    customer_external_id: str
    lines: list[CreditLineOut]
    applications: list[AppliedOut]
