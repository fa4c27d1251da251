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
    included_tax_minor: int = 0
    replaces_invoice_id: UUID | None = None


class InvoiceSent(msgspec.Struct, frozen=True):
    """Somebody asked for the invoice to be sent to `email`: whoever delivers mail shall send what `download` shows."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    email: str | None
    download: str


class InvoiceDue(msgspec.Struct, frozen=True):
    """An invoice that isn't paid falls due: `days` after its due date, negative before it, 0 on the day."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    currency: str
    due_minor: int
    due_at: datetime
    days: int


class InvoiceUncollectible(msgspec.Struct, frozen=True):
    """What was left of an invoice was given up and written off."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    currency: str
    written_off_minor: int
    reason: str
    journal_id: UUID
    at: datetime


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
    subscription_ids: tuple[UUID, ...] = ()


class InvoiceVoided(msgspec.Struct, frozen=True):
    """An unpaid invoice was voided and its journal reversed by `journal_id`."""

    invoice_id: UUID
    number: str
    reason: str
    journal_id: UUID
    voided_at: datetime


class CreditIssued(msgspec.Struct, frozen=True):
    """A credit note was issued and posted: a correction of what `invoice_id` billed (absent if that was voided).

    `unapplied_minor` of it found no invoice to settle: it is in the customer's wallet as `grant_id`, and paid out from there
    where a `refund` was asked for. `subscription_id` is absent on notes by hand.
    """

    credit_note_id: UUID
    number: str
    customer_id: UUID
    subscription_id: UUID | None
    invoice_id: UUID | None
    currency: str
    total_minor: int
    unapplied_minor: int
    issued_at: datetime
    journal_id: UUID
    tax_minor: int = 0
    grant_id: UUID | None = None
    refund: bool = False


class CreditApplied(msgspec.Struct, frozen=True):
    """Credit settled `amount_minor` of an invoice: of a credit note, or of the grant `grant_id` of the customer's wallet.

    Without a credit note `credit_note_id` and `number` are absent.
    """

    credit_note_id: UUID | None
    number: str | None
    customer_id: UUID
    invoice_id: UUID
    currency: str
    amount_minor: int
    applied_at: datetime
    grant_id: UUID | None = None


class CreditReversed(msgspec.Struct, frozen=True):
    """A wallet got back what it had paid of an invoice, because that was voided."""

    customer_id: UUID
    invoice_id: UUID
    grant_id: UUID
    currency: str
    amount_minor: int
    reversed_at: datetime


class WalletGranted(msgspec.Struct, frozen=True):
    """A customer got credit: `source` is `purchase`, `promotion`, `overpayment`, `credit_note` or `refund_failed`."""

    grant_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    source: str
    balance_minor: int
    expires_at: datetime | None
    granted_at: datetime


class WalletDepleted(msgspec.Struct, frozen=True):
    """A wallet fell below its threshold, or to 0: `top_up_minor` is what the customer agreed to buy then, if anything."""

    customer_id: UUID
    currency: str
    balance_minor: int
    threshold_minor: int
    top_up_minor: int | None
    at: datetime


class StatementGenerated(msgspec.Struct, frozen=True):
    """A customer's statement of `[period_start, period_end)` is there to download."""

    statement_id: UUID
    customer_id: UUID
    currency: str
    period_start: datetime
    period_end: datetime
    opening_minor: int
    closing_minor: int
