"""Usage that comes after a subscription's last closing: no period follows that could bill it, so it is billed for itself."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from corebilling.events.envelope import NewEvent
from corebilling.events.scheduler import LateUsageSealed
from corebilling.kernel.clock import Clock
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Database, Tx
from corebilling.scheduler.ports import SandboxClocks, Usage
from corebilling.scheduler.queries import schedules as queries
from corebilling.scheduler.store import Key


class LateUsage:
    """Seals and tells late usage once it has waited for more. Any number of processes may do so at once.

    `grace_seconds` is how long a period waits for its usage, `delay_seconds` how long what comes after the last one waits
    for more, so that there is one invoice for all of it; both in the tenant's time.
    """

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock,
        usage: Usage,
        sandboxes: SandboxClocks,
        grace_seconds: float = 3600.0,
        delay_seconds: float = 86400.0,
        batch_size: int = 1000,
    ) -> None:
        self._db = db
        self._clock = clock
        self._usage = usage
        self._sandboxes = sandboxes
        self._grace_seconds = grace_seconds
        self._delay_seconds = delay_seconds
        self._batch_size = batch_size

    async def note(self, tx: Tx, keys: Collection[Key], nows: dict[UUID, datetime]) -> None:
        """Note that these subscriptions got usage; of interest are those that are over by their tenant's present instant.

        Whether a closing bills it after all isn't asked: what is billed already is not billed again.
        """
        ordered = sorted(keys)
        if ordered:
            await queries.note_late(
                tx.conn,
                tenant_ids=[tenant_id for tenant_id, _ in ordered],
                subscription_ids=[subscription_id for _, subscription_id in ordered],
                nows=[nows[tenant_id] for tenant_id, _ in ordered],
                grace_seconds=self._grace_seconds,
                delay_seconds=self._delay_seconds,
            )

    async def tell_once(self) -> int:
        """Tell one batch; answers how many subscriptions it held. What comes while it is sealed is noted anew."""
        async with self._db.system() as tx:
            wall = self._clock()
            clocks = {item.tenant_id: item.now_at for item in await self._sandboxes.sandbox_clocks(tx)}
            rows = await queries.take_due_late(
                tx.conn,
                now=wall,
                clocked_ids=list(clocks),
                clocks=list(clocks.values()),
                row_limit=self._batch_size,
            )
            if not rows:
                return 0
            tenant_ids = {row.tenant_id for row in rows}
            async with self._db.tenants(tenant_ids) as sealing:
                epochs = await self._usage.seal(sealing, tenant_ids)
            await emit(
                tx,
                [
                    NewEvent(
                        tenant_id=row.tenant_id,
                        resource_id=row.subscription_id,
                        resource_seq=0,
                        payload=LateUsageSealed(
                            row.subscription_id, row.late_no, epochs[row.tenant_id], clocks.get(row.tenant_id, wall)
                        ),
                        occurred_at=clocks.get(row.tenant_id, wall),
                    )
                    for row in rows
                ],
            )
        return len(rows)
