"""Wire structs of invoices. Amounts are integer minor units of `currency`; quantities and unit amounts are decimal strings."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.invoice.domain.document import LineKind, Purpose
from corebilling.invoice.domain.states import Status
from corebilling.kernel.decimals import DecimalText

Text = Annotated[str, Meta(min_length=1, max_length=500)]
Unit = Annotated[str, Meta(min_length=1, max_length=40)]


class LineCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a one-off invoice: quantity x unit amount (major units, may be negative for a discount), rounded once."""

    description: Text
    unit_amount: Decimal
    quantity: Decimal = Decimal(1)
    unit: Unit | None = None


class InvoiceCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A one-off draft. `customer_id` is the customer's id or external id; the currency defaults to the customer's."""

    customer_id: Annotated[str, Meta(min_length=1, max_length=255)]
    lines: Annotated[list[LineCreate], Meta(min_length=1, max_length=500)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None


class VoidRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an invoice is voided; kept with it."""

    reason: Text


class InvoiceOut(msgspec.Struct, frozen=True):
    """An invoice without its lines. `number`, `issued_at`, `due_at` and `journal_id` are absent on a draft.

    `subscription_id` is absent on one-off invoices and on those of several subscriptions, whose lines name them.
    `credited_minor` is what credit notes settled; `due_minor` is what is left to pay.
    """

    id: UUID
    number: str | None
    status: Status
    purpose: Purpose
    customer_id: UUID
    subscription_id: UUID | None
    period_start: datetime | None
    period_end: datetime | None
    currency: str
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    paid_minor: int
    credited_minor: int
    due_minor: int
    issued_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    void_reason: str | None
    journal_id: UUID | None
    created_at: datetime


class LineOut(msgspec.Struct, frozen=True):
    """A line of an invoice; its period is the time that it is for, which may be an earlier or a later one. Credits are negative.

    `discount_minor` (0 or less) is the line's share of the discounts, which are lines of their own: it is not taken off
    `amount_minor`.
    """

    line_no: int
    kind: LineKind
    description: str
    quantity: DecimalText
    unit: str | None
    amount_minor: int
    period_start: datetime | None
    period_end: datetime | None
    price_id: UUID | None
    meter: str | None
    subscription_id: UUID | None
    discount_minor: int


class InvoiceDetailOut(InvoiceOut, frozen=True):
    """An invoice with its lines and the parties as they stood when it was issued."""

    seller_name: str
    customer_name: str
    customer_external_id: str
    lines: list[LineOut]


class StepOut(msgspec.Struct, frozen=True):
    """`quantity` x `unit_amount` + `flat_amount` = `amount`, in major units, exact; `calculation` says it in words."""

    label: str
    quantity: DecimalText
    unit_amount: DecimalText
    flat_amount: DecimalText
    amount: DecimalText
    calculation: str


class LineExplanation(msgspec.Struct, frozen=True):
    """How a line came about: steps that add up to the exact amount, less what was billed before, rounded once.

    `note` says in words what steps can't, such as both figures of an adjustment. `usage_events` is the path that lists the
    usage behind it; `epoch` is the watermark up to which usage counts.
    """

    line_no: int
    description: str
    kind: LineKind
    amount_minor: int
    model: str
    quantity: DecimalText
    unit: str | None
    steps: list[StepOut]
    exact_amount: DecimalText
    already_billed_minor: int
    rounding: str
    price_id: UUID | None
    epoch: int
    engine_version: str
    usage_events: str | None
    subscription_id: UUID | None
    discount_minor: int
    note: str | None


class Explanation(msgspec.Struct, frozen=True):
    """The tree from an invoice's total down to the usage: total = subtotal + tax, subtotal = sum of the lines.

    `ratings` are those that it came from: one, or one for each of several subscriptions.
    """

    id: UUID
    number: str | None
    currency: str
    total_minor: int
    subtotal_minor: int
    tax_minor: int
    rating_id: UUID | None
    epoch: int | None
    engine_version: str | None
    calculation: str
    lines: list[LineExplanation]
    ratings: list[UUID]
