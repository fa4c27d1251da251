"""Journals as documents hand them to the ledger."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

DocumentType = Literal["invoice", "invoice_void", "payment", "credit_note"]


class EntryDraft(msgspec.Struct, frozen=True):
    """One side of a journal. `amount_minor` is positive for a debit and negative for a credit, never 0.

    `account` is a code of the tenant's chart of accounts, such as `1200`; `customer_id` is the sub-ledger.
    """

    account: str
    amount_minor: int
    customer_id: UUID | None = None


class JournalDraft(msgspec.Struct, frozen=True):
    """A journal to post: one per document and purpose, in one currency, its entries adding up to 0."""

    tenant_id: UUID
    document_type: DocumentType
    document_id: UUID
    currency: str
    effective_at: datetime
    description: str
    entries: tuple[EntryDraft, ...]


class PostedDocument(msgspec.Struct, frozen=True):
    """A document that must have a journal, as its owner knows it. `total_minor` is the sum of the journal's debits."""

    tenant_id: UUID
    document_id: UUID
    journal_id: UUID | None
    currency: str
    total_minor: int
