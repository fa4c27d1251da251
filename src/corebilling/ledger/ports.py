"""What the ledger must ask others: which documents there are, for the proof."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from corebilling.kernel.journal import DocumentType, PostedDocument
from corebilling.kernel.party import TenantProfile
from corebilling.platform.db import Tx


class Documents(Protocol):
    """A context that owns documents with journals."""

    async def documents(
        self, tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """Up to `limit` documents that must have a journal, across tenants, ordered by (tenant, document id), after that key."""
        ...


class Tenants(Protocol):
    """Tenant: whose months they are."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, TenantProfile]:
        """Tenants by id."""
        ...
