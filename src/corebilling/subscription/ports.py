"""What subscriptions ask of other contexts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from corebilling.kernel.party import CustomerProfile
from corebilling.kernel.plan import PublishedPlan
from corebilling.platform.db import Tx


class Plans(Protocol):
    """Published plans, by their id or code."""

    async def plans_by_ref(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, PublishedPlan]: ...


class Customers(Protocol):
    """Customers, by their id or external id."""

    async def by_refs(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, CustomerProfile]: ...


class Clocks(Protocol):
    """The time each tenant lives in."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]: ...
