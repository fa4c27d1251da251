"""Payloads that the ledger context publishes."""

from datetime import datetime
from uuid import UUID

import msgspec


class LedgerPosted(msgspec.Struct, frozen=True):
    """A balanced journal was posted for a document. `total_minor` is the sum of its debits in `currency`."""

    journal_id: UUID
    document_type: str
    document_id: UUID
    currency: str
    total_minor: int
    posted_at: datetime
    digest: str
