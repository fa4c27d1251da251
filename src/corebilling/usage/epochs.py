"""The watermark: closing a period seals the epoch that its usage was written in."""

from collections.abc import Collection
from uuid import UUID

from corebilling.platform.db import Tx
from corebilling.usage.domain.identity import epoch_lock
from corebilling.usage.queries import epochs as queries


class Epochs:
    """Seals epochs and answers which are open."""

    async def seal(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, int]:
        """Seal the tenants' present epochs and answer them: nothing is ever added to a sealed one.

        Waits for the transactions that write the tenants' usage, so `tx` should do nothing else and end at once.
        """
        tenants = sorted(set(tenant_ids))
        await queries.hold_seal_lock(tx.conn, locks=[epoch_lock(tenant) for tenant in tenants])
        return {row.tenant_id: row.sealed for row in await queries.seal_epochs(tx.conn, tenant_ids=tenants)}

    async def current_epochs(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, int]:
        """The epoch that each tenant's usage is written in now."""
        rows = await queries.current_epochs(tx.conn, tenant_ids=sorted(set(tenant_ids)))
        open_now = {row.tenant_id: row.epoch for row in rows}
        return {tenant: open_now.get(tenant, 1) for tenant in tenant_ids}
