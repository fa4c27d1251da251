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


class LedgerSealed(msgspec.Struct, frozen=True):
    """A block of journals was sealed: keep it outside, and nobody can change what it covers without being found out.

    Hashes and the Ed25519 signature are hexadecimal; `key_id` says which key signed.
    """

    block_no: int
    journal_count: int
    previous_hash: str
    block_hash: str
    signature: str | None
    key_id: str | None
    sealed_at: datetime
