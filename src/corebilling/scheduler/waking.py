"""Waking subscriptions: each is told once for every instant that it asked for (docs/scheduler.md)."""

from corebilling.events.envelope import NewEvent
from corebilling.events.scheduler import SubscriptionDue
from corebilling.kernel.clock import Clock
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Database
from corebilling.scheduler.ports import SandboxClocks
from corebilling.scheduler.queries import schedules as queries


class WakeUps:
    """Tells subscriptions whose instant is reached, in batches. Any number of processes may do so at once."""

    def __init__(self, db: Database, *, clock: Clock, sandboxes: SandboxClocks, batch_size: int = 1000) -> None:
        self._db = db
        self._clock = clock
        self._sandboxes = sandboxes
        self._batch_size = batch_size

    async def wake_once(self) -> int:
        """Tell one batch; answers how many subscriptions it held. The instant is forgotten and the event written together."""
        async with self._db.system() as tx:
            wall = self._clock()
            clocks = {item.tenant_id: item.now_at for item in await self._sandboxes.sandbox_clocks(tx)}
            rows = await queries.take_due_wakes(
                tx.conn,
                now=wall,
                clocked_ids=list(clocks),
                clocks=list(clocks.values()),
                row_limit=self._batch_size,
            )
            await emit(
                tx,
                [
                    NewEvent(
                        tenant_id=row.tenant_id,
                        resource_id=row.subscription_id,
                        resource_seq=0,
                        payload=SubscriptionDue(row.subscription_id, row.due_at),
                        occurred_at=clocks.get(row.tenant_id, wall),
                    )
                    for row in sorted(rows, key=lambda row: (row.due_at, row.subscription_id))
                ],
            )
        return len(rows)
