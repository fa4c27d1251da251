"""What tenants ask of other contexts."""

from typing import Protocol
from uuid import UUID

from corebilling.platform.db import Tx


class NewTenantSetup(Protocol):
    """Gives a new tenant what another context can't do without, such as a chart of accounts. Runs in the creating transaction."""

    async def set_up(self, tx: Tx, tenant_id: UUID, currency: str) -> None: ...
