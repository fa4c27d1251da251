"""What webhooks ask other contexts."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from corebilling.kernel.party import TenantProfile
from corebilling.platform.db import Tx


class Tenants(Protocol):
    """Tells sandboxes from the rest: only a sandbox may have private targets."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, TenantProfile]: ...
