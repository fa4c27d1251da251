"""The periodic look at what is due to be collected, by each tenant's own time."""

from corebilling.kernel.clock import Clock
from corebilling.payment.ports import Sandboxes
from corebilling.payment.queries import collections as queries
from corebilling.payment.service import PaymentService
from corebilling.platform.db import Database

_TENANTS = 50
_BATCH = 200


class CollectionDuty:
    """Attempts due collections. Many may run at once: each takes what the others don't hold."""

    def __init__(self, database: Database, service: PaymentService, *, clock: Clock, sandboxes: Sandboxes) -> None:
        self._db = database
        self._service = service
        self._clock = clock
        self._sandboxes = sandboxes

    async def run(self) -> int:
        """Attempt all that is due by now; answers how many."""
        async with self._db.system() as tx:
            sandboxes = [one.tenant_id for one in await self._sandboxes.sandbox_clocks(tx)]
            tenants = await queries.tenants_collecting(tx.conn, at=self._clock(), sandbox_ids=sandboxes)
        attempted = 0
        for start in range(0, len(tenants), _TENANTS):
            chunk = tenants[start : start + _TENANTS]
            done = _BATCH
            while done == _BATCH:
                async with self._db.tenants(chunk) as tx:
                    done = await self._service.collect_due(tx, chunk, _BATCH)
                attempted += done
        return attempted
