"""What the ledger must ask others: tenants' zones and time, what is owed, and which documents there are."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from corebilling.kernel.journal import AccountBalance, DocumentType, PostedDocument
from corebilling.kernel.party import TenantProfile
from corebilling.kernel.receivable import Aged, Receivable
from corebilling.kernel.sandbox import SandboxClock
from corebilling.platform.db import Tx


class Documents(Protocol):
    """A context that owns documents with journals."""

    async def documents(
        self, tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """Up to `limit` documents that must have a journal, across tenants, ordered by (tenant, document id), after that key."""
        ...


class Balances(Protocol):
    """Whoever knows what an account stands for."""

    async def balances(self, tx: Tx) -> Sequence[AccountBalance]:
        """What must be on it, across tenants; those of whom nothing is known must have 0 there."""
        ...


class Tenants(Protocol):
    """Tenant: whose months they are."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, TenantProfile]:
        """Tenants by id."""
        ...


class Customers(Protocol):
    """Customer: who owes and pays."""

    async def filter_id(self, tx: Tx, tenant_id: UUID, ref: str | None) -> UUID | None:
        """What a list filters by for an id or external id: None for none, an id that nobody has for an unknown one."""
        ...


class Clocks(Protocol):
    """Tenant: what time it is for a tenant."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """The test clock of a sandbox that has set one, else the wall clock."""
        ...


class SandboxClocks(Protocol):
    """Tenant: the sandboxes that have a time of their own. In system transactions."""

    async def sandbox_clocks(self, tx: Tx) -> list[SandboxClock]: ...


class Receivables(Protocol):
    """Invoice: what was left to pay just before an instant."""

    async def open_at(
        self, tx: Tx, tenant_id: UUID, as_of: datetime, *, currency: str | None, customer_id: UUID | None, limit: int
    ) -> Sequence[Receivable]:
        """The invoices of which something was left, those due first in front."""
        ...

    async def aged(
        self, tx: Tx, tenant_id: UUID, as_of: datetime, *, currency: str | None, customer_id: UUID | None
    ) -> Sequence[Aged]:
        """By currency."""
        ...

    async def aged_customers(
        self, tx: Tx, tenant_id: UUID, as_of: datetime, *, currency: str | None, customer_id: UUID | None, limit: int
    ) -> Sequence[Aged]:
        """By customer and currency, those who owe most first."""
        ...
