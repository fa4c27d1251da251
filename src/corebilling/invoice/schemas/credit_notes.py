"""Wire structs of credit notes. Amounts are integer minor units of `currency`; quantities are decimal strings."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.invoice.schemas.invoices import TaxOut
from corebilling.kernel.decimals import DecimalText

Amount = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Settlement = Literal["balance", "refund"]


class CreditLineCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the invoice to give back: so much of its amount (tax on top comes along), so much of its quantity, or all."""

    line_no: Annotated[int, Meta(ge=1)]
    amount_minor: Amount | None = None
    quantity: Decimal | None = None


class CreditNoteCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to give back of an invoice: `lines`, or an amount with its tax over all lines in proportion, or all that is left.

    It settles what is unpaid; the rest goes to the customer's wallet (`balance`) and with `refund` is paid out from there.
    """

    invoice_id: UUID
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    memo: Annotated[str, Meta(max_length=2000)] | None = None
    lines: Annotated[list[CreditLineCreate], Meta(min_length=1, max_length=500)] | None = None
    amount_minor: Amount | None = None
    settlement: Settlement = "balance"


class CreditNoteOut(msgspec.Struct, frozen=True):
    """A credit note without its lines. It corrects what `invoice_id` billed (absent if that was voided).

    `applied_minor` of its total settled invoices; `unapplied_minor` didn't: `balance_minor` of it went to the customer's
    wallet as `grant_id` (on notes of before wallets it stayed with the customer's receivables), and is paid out where `refund`.
    `reason` is absent on notes that rating asked for, `rating_id` and `subscription_id` on those by hand.
    """

    id: UUID
    number: str
    customer_id: UUID
    subscription_id: UUID | None
    invoice_id: UUID | None
    rating_id: UUID | None
    currency: str
    subtotal_minor: int
    tax_minor: int
    included_tax_minor: int
    total_minor: int
    applied_minor: int
    unapplied_minor: int
    balance_minor: int
    grant_id: UUID | None
    refund: bool
    reason: str | None
    memo: str | None
    issued_at: datetime
    journal_id: UUID
    created_at: datetime


class CreditLineOut(msgspec.Struct, frozen=True):
    """What was billed for a line, what it should have been, and the difference, which is given back with its taxes.

    `invoice_line_no` is the line of the invoice that it corrects, where that is known.
    """

    line_no: int
    description: str
    quantity: DecimalText
    unit: str | None
    billed_minor: int
    corrected_minor: int
    amount_minor: int
    period_start: datetime | None
    period_end: datetime | None
    price_id: UUID | None
    meter: str | None
    note: str | None
    invoice_line_no: int | None
    taxes: list[TaxOut]


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


class CreditNotePreview(msgspec.Struct, frozen=True):
    """The credit note that the same request would issue now. Nothing was stored."""

    invoice_id: UUID
    customer_id: UUID
    currency: str
    subtotal_minor: int
    tax_minor: int
    included_tax_minor: int
    total_minor: int
    applied_minor: int
    balance_minor: int
    lines: list[CreditLineOut]
