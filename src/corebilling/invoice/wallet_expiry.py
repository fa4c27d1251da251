"""Credit that runs out, by its tenant's time."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from corebilling.invoice.ports import SandboxClocks
from corebilling.invoice.queries import wallets as queries
from corebilling.invoice.wallets import Wallets
from corebilling.kernel.clock import Clock
from corebilling.platform.db import Database, Tx
from corebilling.platform.narrowing import Aside, narrowed

_Key = tuple[UUID, UUID]
"""(tenant, grant)"""


class WalletExpiry:
    """Finds credit that ran out and takes it from its wallets. Any number of processes may do so at once."""

    def __init__(
        self, db: Database, *, clock: Clock, sandboxes: SandboxClocks, wallets: Wallets, batch_size: int = 500
    ) -> None:
        self._db = db
        self._clock = clock
        self._sandboxes = sandboxes
        self._wallets = wallets
        self._batch_size = batch_size
        self._aside: Aside[_Key] = Aside("expiring credit", _grant)

    async def expire_once(self) -> int:
        """Expire one batch; answers how many ran out. What others took meanwhile isn't there to expire.

        One that can't be expired keeps no other from it.
        """
        wall = self._clock()
        async with self._db.system() as tx:
            clocks = {item.tenant_id: item.now_at for item in await self._sandboxes.sandbox_clocks(tx)}
            due = await queries.due_expiries(
                tx.conn,
                clocked_ids=list(clocks),
                clocked_nows=list(clocks.values()),
                now=wall,
                aside_ids=self._aside.ids,
                page=self._batch_size,
            )
        expired = 0

        async def expire(grants: Sequence[_Key]) -> None:
            nonlocal expired
            times = {tenant_id: clocks.get(tenant_id, wall) for tenant_id, _ in grants}
            async with self._db.tenants(set(times)) as tx:
                done = await self._wallets.expire(tx, grants, times)
            expired += done

        await narrowed([(row.tenant_id, row.grant_id) for row in due], expire, blame=self._aside.put)
        return expired

    async def earliest_due(self, tx: Tx, tenant_id: UUID) -> datetime | None:
        """When the next credit of a tenant runs out."""
        return await queries.earliest_expiry(tx.conn, tenant_id=tenant_id)


def _grant(key: _Key) -> UUID:
    return key[1]
