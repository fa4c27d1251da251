"""Wire structs of invoices. Amounts are integer minor units of `currency`; quantities and unit amounts are decimal strings."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.invoice.domain.document import LineKind, Purpose
from corebilling.invoice.domain.states import Status
from corebilling.invoice.domain.tax import TaxCategory
from corebilling.kernel.decimals import DecimalText

Text = Annotated[str, Meta(min_length=1, max_length=500)]
Unit = Annotated[str, Meta(min_length=1, max_length=40)]
Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
Memo = Annotated[str, Meta(min_length=1, max_length=2000)]
PurchaseOrder = Annotated[str, Meta(min_length=1, max_length=100)]
NetDays = Annotated[int, Meta(ge=0, le=365)]


class LineCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a one-off invoice: quantity x unit amount (major units, may be negative for a discount), rounded once.

    `product` names the revenue account, `tax_category` picks the tax rates. With a period the line is for that time: what of
    it lies ahead is earned day by day.
    """

    description: Text
    unit_amount: Decimal
    quantity: Decimal = Decimal(1)
    unit: Unit | None = None
    product: Slug | None = None
    tax_category: Slug | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


Lines = Annotated[list[LineCreate], Meta(min_length=1, max_length=500)]


class InvoiceCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A one-off invoice: a draft, or issued at once with `finalize`.

    `customer_id` is the customer's id or external id. Currency, purchase order and term of payment (`net_days`) default to the
    customer's; the term then to the tenant's.
    """

    customer_id: Annotated[str, Meta(min_length=1, max_length=255)]
    lines: Lines
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    memo: Memo | None = None
    purchase_order: PurchaseOrder | None = None
    net_days: NetDays | None = None
    finalize: bool = False


class InvoiceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a draft: only what is sent changes. Lines come whole, and only of one-off invoices; null takes a text away."""

    memo: Memo | UnsetType | None = UNSET
    purchase_order: PurchaseOrder | UnsetType | None = UNSET
    net_days: NetDays | UnsetType | None = UNSET
    lines: Lines | UnsetType = UNSET


class VoidRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an invoice is voided; kept with it."""

    reason: Text


class UncollectibleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an invoice is given up; kept with it."""

    reason: Text


class ReissueRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an invoice is voided and issued anew; kept with the voided one."""

    reason: Text


class InvoiceOut(msgspec.Struct, frozen=True):
    """An invoice without its lines. `number`, `issued_at`, `due_at` and `journal_id` are absent on a draft.

    `subscription_id` is absent on one-off invoices and on those of several subscriptions, whose lines name them.
    The total is the subtotal and `tax_minor`; `included_tax_minor` is tax within the lines. `credited_minor` is what credit
    notes settled, `prepaid_minor` what the customer's wallet did; `due_minor` is what is left to pay. `past_due`: that is so
    although the due date is over.
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
    included_tax_minor: int
    prepaid_minor: int
    past_due: bool
    memo: str | None
    purchase_order: str | None
    net_days: int | None
    replaces_invoice_id: UUID | None
    uncollectible_at: datetime | None
    uncollectible_reason: str | None


class TaxOut(msgspec.Struct, frozen=True):
    """A tax on a line, or on all lines of an invoice. `rate` is a fraction (`0.2`), `taxable_minor` is net of every tax.

    `place` is a country, with its region where the rate is the region's. `category` is UNTDID 5305: S standard, Z zero, E
    exempt, AE reverse charge, G export, K within the EU, O outside the scope; `reason` says why nothing is due. An
    `inclusive` tax is within the amounts.
    """

    code: str
    name: str
    place: str
    category: TaxCategory
    rate: DecimalText
    inclusive: bool
    taxable_minor: int
    tax_minor: int
    reason: str | None


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
    product: str | None
    tax_category: str | None
    taxes: list[TaxOut]


class InvoiceDetailOut(InvoiceOut, frozen=True):
    """An invoice with its lines and the parties as they stood when it was issued; `taxes` are summed up by rate.

    `finalizes_at` is when a draft becomes final by itself; `finalize_error` says what has kept it from that.
    """

    seller_name: str
    customer_name: str
    customer_external_id: str
    lines: list[LineOut]
    taxes: list[TaxOut]
    finalizes_at: datetime | None
    finalize_error: str | None


class InvoicePreviewOut(msgspec.Struct, frozen=True):
    """What would be issued now: nothing is stored, no number is taken."""

    customer_id: UUID
    currency: str
    subtotal_minor: int
    tax_minor: int
    included_tax_minor: int
    total_minor: int
    due_at: datetime
    lines: list[LineOut]
    taxes: list[TaxOut]
