"""The periodic look at what is due to be collected, by each tenant's own time."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.payment.ports import Key, Sandboxes
from corebilling.payment.queries import collections as queries
from corebilling.payment.service import PaymentService
from corebilling.platform.db import Database
from corebilling.platform.narrowing import Aside, narrowed

_BATCH = 200


class CollectionDuty:
    """Attempts due collections. Many may run at once: each takes what the others don't hold."""

    def __init__(self, database: Database, service: PaymentService, *, clock: Clock, sandboxes: Sandboxes) -> None:
        self._db = database
        self._service = service
        self._clock = clock
        self._sandboxes = sandboxes
        self._aside: Aside[Key] = Aside("collecting invoice", _invoice)

    async def run(self) -> int:
        """Attempt all that is due by now; answers how many. One that can't be attempted keeps no other from it."""
        attempted = 0

        async def attempt(keys: Sequence[Key]) -> None:
            nonlocal attempted
            async with self._db.tenants({tenant_id for tenant_id, _ in keys}) as tx:
                done = await self._service.collect_due(tx, keys)
            attempted += done

        before = -1
        while attempted > before:
            before = attempted
            await narrowed(await self._due(), attempt, blame=self._aside.put)
        return attempted

    async def _due(self) -> list[Key]:
        async with self._db.system() as tx:
            clocks = await self._sandboxes.sandbox_clocks(tx)
            rows = await queries.due_collections(
                tx.conn,
                at=self._clock(),
                clocked_ids=[one.tenant_id for one in clocks],
                clocks=[one.now_at for one in clocks],
                aside_ids=self._aside.ids,
                page=_BATCH,
            )
        return [(row.tenant_id, row.invoice_id) for row in rows]


def _invoice(key: Key) -> UUID:
    return key[1]
