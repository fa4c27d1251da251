"""Advances test clocks: from one due instant to the next, waiting at each until all its consequences are handled."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.sandbox import SandboxClock
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx
from corebilling.scheduler.ports import Agenda, SandboxClocks, Unhandled
from corebilling.scheduler.queries import cycles as queries

_LOOK_BACK = timedelta(hours=1)
"""Events from before the order count as well: a subscription made just then has no cycle until its event is handled."""

_LONGEST_TRANSACTION = timedelta(minutes=1)
"""An event may be committed this long after it got its id, which says when it was written."""


class TestClocks:
    """Moves the clocks of sandboxes that were ordered forward. `agendas` are what others have to do by a tenant's time."""

    __test__ = False  # its name is not that of a test

    def __init__(
        self,
        db: Database,
        *,
        sandboxes: SandboxClocks,
        unhandled: Unhandled,
        agendas: Sequence[Agenda] = (),
        clock: Clock = wall_clock,
    ) -> None:
        self._db = db
        self._sandboxes = sandboxes
        self._unhandled = unhandled
        self._agendas = agendas
        self._clock = clock
        self._handled_by: dict[UUID, datetime] = {}

    async def advance_once(self) -> tuple[int, int]:
        """One step for each clock that can take one; answers (clocks moved, clocks still on their way)."""
        async with self._db.system() as tx:
            ordered = [item for item in await self._sandboxes.sandbox_clocks(tx) if item.target_at is not None]
            self._handled_by = {item.tenant_id: at for item in ordered if (at := self._handled_by.get(item.tenant_id))}
            arrived = moved = 0
            for item in ordered:
                step = await self._step(tx, item)
                moved += step != "waits"
                arrived += step == "arrived"
        return moved, len(ordered) - arrived

    async def _step(self, tx: Tx, item: SandboxClock) -> str:
        assert item.target_at is not None
        assert item.advance_started_at is not None
        # Asked before and after: what is handled or closed in between has moved it, and its own events have to be waited for.
        due_at = await self._next_due(tx, item.tenant_id)
        if await self._has_unhandled(tx, item.tenant_id, item.advance_started_at - _LOOK_BACK):
            return "waits"
        if await self._next_due(tx, item.tenant_id) != due_at:
            return "waits"
        if due_at is None or due_at > item.target_at:
            await self._sandboxes.move_clock(tx, item.tenant_id, item.target_at, done=True)
            return "arrived"
        if due_at <= item.now_at:
            return "waits"
        await self._sandboxes.move_clock(tx, item.tenant_id, due_at, done=False)
        return "moved"

    async def _next_due(self, tx: Tx, tenant_id: UUID) -> datetime | None:
        due = [await agenda.earliest_due(tx, tenant_id) for agenda in self._agendas]
        due.append(await queries.next_due_of_tenant(tx.conn, tenant_id=tenant_id))
        return min((at for at in due if at is not None), default=None)

    async def _has_unhandled(self, tx: Tx, tenant_id: UUID, since: datetime) -> bool:
        """Looks no further back than to the last time that nothing was left: events are many, stops are too."""
        asked_at = self._clock()
        before = self._handled_by.get(tenant_id)
        if before is not None:
            since = max(since, before - _LONGEST_TRANSACTION)
        if await self._unhandled.exists(tx, tenant_id, since):
            return True
        self._handled_by[tenant_id] = asked_at
        return False
