"""Wire structs of how invoices came about and whether they still do. Amounts are integer minor units, unless it says major units."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import LineKind, Purpose
from corebilling.invoice.domain.recounted_taxes import Rounding
from corebilling.invoice.domain.states import Status
from corebilling.invoice.schemas.invoices import TaxOut
from corebilling.kernel.decimals import DecimalText


class StepOut(msgspec.Struct, frozen=True):
    """`quantity` x `unit_amount` + `flat_amount` = `amount`, in major units, exact; `calculation` says it in words."""

    label: str
    quantity: DecimalText
    unit_amount: DecimalText
    flat_amount: DecimalText
    amount: DecimalText
    calculation: str


class ExplainedPriceOut(msgspec.Struct, frozen=True):
    """The price that a line was computed with. It never changes; `plan` and `plan_version` say where it stands."""

    id: UUID
    code: str
    name: str
    plan_id: UUID | None
    plan: str | None
    plan_version: int | None


class ExplainedTaxOut(TaxOut, frozen=True):
    """A tax; `calculation` says in words how it was worked out and rounded."""

    calculation: str


class ExplainedDeferralOut(msgspec.Struct, frozen=True):
    """What of a line is earned later: evenly over the days of `[period_start, period_end)`."""

    amount_minor: int
    period_start: datetime
    period_end: datetime
    product: str | None


class LineExplanation(msgspec.Struct, frozen=True):
    """How a line came about: steps that add up to the exact amount, less what was billed before, rounded once.

    `note` says in words what steps can't, such as both figures of an adjustment. `usage_events` is the path that lists the
    usage behind it; `epoch` is the watermark up to which usage counts. `base_minor` is what taxes are worked out on: the
    amount less its shares of discounts (`discount_minor`) and of carried credit (`carried_share_minor`), as
    `base_calculation` says. `net_minor` is what is earned with the line, now or later (`deferral`).
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
    price: ExplainedPriceOut | None
    product: str | None
    tax_category: str | None
    carried_share_minor: int
    base_minor: int
    base_calculation: str
    taxes: list[ExplainedTaxOut]
    net_minor: int
    deferral: ExplainedDeferralOut | None


class ReceiptOut(msgspec.Struct, frozen=True):
    """A payment of the invoice; of its amount `reopened_minor` is owed again, `refunded_minor` went back with a credit note."""

    payment_id: UUID
    status: str
    method: str
    reference: str
    paid_at: datetime | None
    amount_minor: int
    reopened_minor: int
    refunded_minor: int
    journal_id: UUID | None


class PrepaidOut(msgspec.Struct, frozen=True):
    """What one of the customer's grants paid (`application`), or got back when the invoice was voided (`reversal`)."""

    grant_id: UUID
    kind: str
    source: str
    description: str | None
    amount_minor: int
    moved_at: datetime
    journal_id: UUID | None


class CreditOut(msgspec.Struct, frozen=True):
    """A credit note that corrects the invoice (`corrects_it`), or settled `applied_minor` of it."""

    credit_note_id: UUID
    number: str
    reason: str | None
    total_minor: int
    applied_minor: int
    corrects_it: bool
    issued_at: datetime
    journal_id: UUID


class GivenUpOut(msgspec.Struct, frozen=True):
    """A write-off, or what was taken back of one (negative)."""

    id: UUID
    amount_minor: int
    reason: str | None
    at: datetime
    journal_id: UUID


class SettlementOut(msgspec.Struct, frozen=True):
    """What settled the invoice and what is left: total - paid - credited - prepaid = left."""

    total_minor: int
    paid_minor: int
    credited_minor: int
    prepaid_minor: int
    left_minor: int
    calculation: str
    payments: list[ReceiptOut]
    credit_notes: list[CreditOut]
    prepaid: list[PrepaidOut]
    given_up: list[GivenUpOut]


class ExplainedEntryOut(msgspec.Struct, frozen=True):
    """One side of a journal: a debit is positive, a credit negative."""

    account: str
    amount_minor: int
    customer_id: UUID | None


class ExplainedJournalOut(msgspec.Struct, frozen=True):
    """A journal of the invoice: of its issue (`invoice`) or of its end (`invoice_void`)."""

    journal_id: UUID
    document_type: str
    effective_at: datetime
    entries: list[ExplainedEntryOut]


class Explanation(msgspec.Struct, frozen=True):
    """The tree from an invoice's total down to the usage: total = subtotal + tax, subtotal = sum of the lines.

    `ratings` are those that it came from: one, or one for each of several subscriptions. `epoch` is the watermark of usage.
    `tax_rounding` says whether taxes were rounded by line, by invoice, or by an outside engine. `ledger_entries` is the path
    that lists the entries of its journals.
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
    status: Status
    purpose: Purpose
    issued_at: datetime | None
    included_tax_minor: int
    tax_rounding: Rounding | None
    tax_reference: str | None
    taxes: list[ExplainedTaxOut]
    settlement: SettlementOut
    journals: list[ExplainedJournalOut]
    ledger_entries: str


class FindingOut(msgspec.Struct, frozen=True):
    """A figure that isn't what its inputs give; of the whole invoice where there is no `line_no`."""

    line_no: int | None
    figure: str
    stored: str
    computed: str


class VerificationOut(msgspec.Struct, frozen=True):
    """Whether an invoice, computed again from all that it came from, is what is stored."""

    verified: bool
    findings: list[FindingOut]
