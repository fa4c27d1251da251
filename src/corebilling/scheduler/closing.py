"""Closing what is due: claim by row lock, seal the usage, close, open what follows, tell (docs/adr/0007)."""

from datetime import datetime, timedelta
from uuid import UUID

from corebilling.events.envelope import NewEvent
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Database, Tx
from corebilling.scheduler import metrics, store
from corebilling.scheduler.domain.cycle import Cycle, together
from corebilling.scheduler.late import LateUsage
from corebilling.scheduler.ports import SandboxClocks, Usage
from corebilling.scheduler.queries import cycles as queries


class Closing:
    """Closes due cycles in batches. Any number of processes may do so at once: a locked row is somebody's already."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock,
        usage: Usage,
        sandboxes: SandboxClocks,
        late: LateUsage,
        grace: timedelta,
        batch_size: int = 1000,
    ) -> None:
        self._db = db
        self._clock = clock
        self._usage = usage
        self._sandboxes = sandboxes
        self._late = late
        self._grace = grace
        self._batch_size = batch_size

    async def close_once(self) -> int:
        """Close one batch; answers how many cycles it held. A crash anywhere leaves them open and unlocked."""
        async with self._db.system() as tx:
            wall = self._clock()
            clocks = {item.tenant_id: item.now_at for item in await self._sandboxes.sandbox_clocks(tx)}
            claimed = await store.claim_due(tx, wall, clocks, self._batch_size)
            if not claimed:
                return 0
            due = [cycle for cycle in claimed if not cycle.is_beyond_end]
            await self._close(tx, due, await self._seal({cycle.tenant_id for cycle in due}), wall, clocks)
            await self._drop(tx, [cycle for cycle in claimed if cycle.is_beyond_end], wall, clocks)
        metrics.CLOSED.inc(len(due))
        return len(claimed)

    async def count_due(self) -> int:
        """How many cycles are due on the wall clock."""
        async with self._db.system() as tx:
            sandboxes = [item.tenant_id for item in await self._sandboxes.sandbox_clocks(tx)]
            return await queries.count_due(tx.conn, now=self._clock(), clocked_ids=sandboxes) or 0

    async def _seal(self, tenant_ids: set[UUID]) -> dict[UUID, int]:
        """Seal in a transaction of its own, while the claim is held: usage waits for the seal, never for the closing."""
        if not tenant_ids:
            return {}
        async with self._db.tenants(tenant_ids) as tx:
            return await self._usage.seal(tx, tenant_ids)

    async def _close(
        self, tx: Tx, due: list[Cycle], epochs: dict[UUID, int], wall: datetime, clocks: dict[UUID, datetime]
    ) -> None:
        if not due:
            return
        closed_ats = [clocks.get(cycle.tenant_id, wall) for cycle in due]
        groups = together(due, new_id)
        await store.close_cycles(tx, due, [epochs[cycle.tenant_id] for cycle in due], closed_ats, groups)
        await store.open_cycles(tx, [cycle.next(new_id(), self._grace) for cycle in due if not cycle.is_last])
        await emit(
            tx,
            [
                _closed(
                    cycle.tenant_id,
                    BillingCycleClosed(
                        cycle.cycle_id,
                        cycle.subscription_id,
                        cycle.period.index,
                        cycle.period.start,
                        cycle.period.end,
                        epochs[cycle.tenant_id],
                        closed_at,
                        cycle.is_last,
                        group.group_id if group else None,
                        group.size if group else 0,
                    ),
                )
                for cycle, closed_at, group in zip(due, closed_ats, groups, strict=True)
            ],
        )

    async def _drop(self, tx: Tx, beyond: list[Cycle], wall: datetime, clocks: dict[UUID, datetime]) -> None:
        """The end became known after the next cycle was opened: that one goes, and the one before is told again as the last.

        The cycle that goes would have billed what usage came since then.
        """
        nows = {cycle.tenant_id: clocks.get(cycle.tenant_id, wall) for cycle in beyond}
        await self._late.note(tx, {(cycle.tenant_id, cycle.subscription_id) for cycle in beyond}, nows)
        last = await store.drop_beyond_end(tx, beyond)
        await emit(tx, [_closed(tenant_id, payload) for tenant_id, payload in last])


def _closed(tenant_id: UUID, payload: BillingCycleClosed) -> NewEvent:
    return NewEvent(
        tenant_id=tenant_id,
        resource_id=payload.subscription_id,
        resource_seq=0,
        payload=payload,
        occurred_at=payload.closed_at,
    )
