"""What usage asks of other contexts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from corebilling.kernel.party import Attribution, TenantProfile
from corebilling.platform.db import Tx


class Subscriptions(Protocol):
    """Whom usage may belong to."""

    async def attributions(
        self, tx: Tx, tenant_id: UUID, subscription_refs: Sequence[str], customer_refs: Sequence[str]
    ) -> list[Attribution]:
        """The subscriptions of these names, and all those of these customers. A name is an id or an external id."""
        ...


class Clocks(Protocol):
    """What time it is for a tenant: a sandbox may have a clock of its own."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]: ...


class Tenants(Clocks, Protocol):
    """Who the tenants are: quotas follow their calendar."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, TenantProfile]: ...
