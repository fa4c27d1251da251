"""Journals as documents hand them to the ledger."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

DocumentType = Literal[
    "invoice",
    "invoice_void",
    "credit_note",
    "write_off",
    "recovery",
    "wallet_grant",
    "wallet_application",
    "wallet_reversal",
    "wallet_expiry",
    "payment",
    "refund",
    "refund_paid",
    "refund_failed",
    "dispute",
    "dispute_won",
    "revenue_recognition",
    "manual",
]
"""What a journal may be posted for, each with an owner that the proof asks for its documents.

`write_off` gives an invoice up and `recovery` takes money for it after all. `wallet_*`: credit given to a customer, used on
an invoice, given back because that invoice was voided, and run out. `refund` promises money back, `refund_paid` says that it
went out, `refund_failed` that it didn't. `dispute` is a chargeback, `dispute_won` its return. `revenue_recognition` earns
what was billed ahead, `manual` is what an accountant wrote.
"""


class EntryDraft(msgspec.Struct, frozen=True):
    """One side of a journal. `amount_minor` is positive for a debit and negative for a credit, never 0.

    `account` is a code of the tenant's chart of accounts, such as `1200`; `customer_id` is the sub-ledger. With a
    `product` a revenue account has an account of its own for it, which is opened when it is first needed.
    """

    account: str
    amount_minor: int
    customer_id: UUID | None = None
    product: str | None = None


class Deferral(msgspec.Struct, frozen=True):
    """Revenue that the journal put off: earned evenly over the days of `[starts_at, ends_at)`.

    The journal credits Deferred revenue with `amount_minor` (negative where it takes revenue back), month by month it moves
    to the revenue account of the `product`.
    """

    amount_minor: int
    starts_at: datetime
    ends_at: datetime
    product: str | None = None


class JournalDraft(msgspec.Struct, frozen=True):
    """A journal to post: one per document and purpose, in one currency, its entries adding up to 0.

    In a closed month it is posted on the first instant that is open.
    """

    tenant_id: UUID
    document_type: DocumentType
    document_id: UUID
    currency: str
    effective_at: datetime
    description: str
    entries: tuple[EntryDraft, ...]
    deferrals: tuple[Deferral, ...] = ()


class PostedDocument(msgspec.Struct, frozen=True):
    """A document that must have a journal, as its owner knows it.

    `total_minor` is the sum of the journal's debits, or None where the owner can't say it in one figure; then
    `receivable_minor` is what the journal must add to Accounts receivable (1200), negative where it takes away.
    """

    tenant_id: UUID
    document_id: UUID
    journal_id: UUID | None
    currency: str
    total_minor: int | None
    receivable_minor: int | None = None


class PostedEntry(msgspec.Struct, frozen=True):
    """One side of a journal as the ledger holds it: `account` is the whole code, such as `4000.api-calls`."""

    account: str
    amount_minor: int
    customer_id: UUID | None = None


class PostedJournal(msgspec.Struct, frozen=True):
    """A journal as the ledger holds it, with what it put off."""

    journal_id: UUID
    document_type: str
    document_id: UUID
    currency: str
    effective_at: datetime
    entries: tuple[PostedEntry, ...]
    deferrals: tuple[Deferral, ...] = ()


class AccountBalance(msgspec.Struct, frozen=True):
    """What an account must have in a currency (debits positive), as the owner of what it stands for knows it."""

    tenant_id: UUID
    currency: str
    balance_minor: int
