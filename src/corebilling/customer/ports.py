"""What customers ask of other contexts."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from corebilling.kernel.party import TenantProfile
from corebilling.platform.db import Tx


class Tenants(Protocol):
    """Tenants as documents show them: their currency and time zone are what a customer gets unless told otherwise."""

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, TenantProfile]: ...


class Clocks(Protocol):
    """Each tenant's present instant: what may be used is a question about now."""

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]: ...
