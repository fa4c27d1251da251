"""Which time a tenant lives in: wall time, or that of its sandbox's test clock."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.sandbox import SandboxClock
from corebilling.platform.db import Tx
from corebilling.tenant.queries import models, tenants
from corebilling.tenant.queries import test_clocks as queries
from corebilling.tenant.schemas import ClockAdvance, ClockOut

CLOCK_CHANNEL = "billing_cycles"
"""NOTIFY channel of the scheduler: an advance was ordered."""

MAX_ADVANCE = timedelta(days=731)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""A test clock stays between these: calendars, partitions and the database itself end somewhere beyond."""


def require_reachable(instant: datetime, pointer: str) -> None:
    """Raises `Invalid` for an instant that no test clock may show."""
    if not EARLIEST <= instant < LATEST:
        raise invalid_field(
            pointer, f"a test clock stays between {EARLIEST.year} and {LATEST.year}; send such an instant"
        )


class TenantClocks:
    """Test clocks. Ids, leases and signatures never look here: they live in wall time."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def now(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]:
        """The present instant of each tenant."""
        wall = self._clock()
        own = await queries.get_test_times(tx.conn, tenant_ids=list(tenant_ids))
        return dict.fromkeys(tenant_ids, wall) | {row.tenant_id: row.now_at for row in own}

    async def test_clock(self, tx: Tx, tenant_id: UUID) -> ClockOut:
        """A sandbox's clock. Raises `Conflict` for a tenant that isn't a sandbox."""
        await _require_sandbox(tx, tenant_id)
        row = await queries.get_clock(tx.conn, tenant_id=tenant_id)
        return _shown(row) if row else ClockOut(self._clock(), None, "ready")

    async def advance(self, tx: Tx, tenant_id: UUID, order: ClockAdvance) -> ClockOut:
        """Order a sandbox's clock forward; a worker moves it, stopping wherever something falls due.

        Raises `Conflict` for a tenant that isn't a sandbox and while an advance is under way, `Invalid` for a target
        in the past or more than two years ahead.
        """
        await _require_sandbox(tx, tenant_id)
        require_reachable(order.to, "/to")
        before = await queries.get_clock(tx.conn, tenant_id=tenant_id)
        now = before.now_at if before else self._clock()
        if order.to < now:
            raise invalid_field("/to", f"a clock only goes forward; send an instant after {now.isoformat()}")
        if order.to > now + MAX_ADVANCE:
            raise invalid_field(
                "/to", f"that is more than two years ahead of {now.isoformat()}; advance in smaller steps"
            )
        row = await queries.start_advance(
            tx.conn, tenant_id=tenant_id, now_at=now, target_at=order.to, started_at=self._clock()
        )
        if row is None:
            raise Conflict(
                "the clock is advancing already; wait until GET /v1/test-clock says ready", code="clock_advancing"
            )
        tx.wake(CLOCK_CHANNEL)
        return _shown(row)

    async def sandbox_clocks(self, tx: Tx) -> list[SandboxClock]:
        """Every clock that isn't wall time, in a system transaction."""
        return [
            SandboxClock(row.tenant_id, row.now_at, row.target_at, row.advance_started_at)
            for row in await queries.list_clocks(tx.conn)
        ]

    async def move_clock(self, tx: Tx, tenant_id: UUID, now_at: datetime, done: bool) -> None:
        """One step of an advance, in a system transaction; never backwards. `done` ends the advance."""
        await queries.move_clock(tx.conn, tenant_id=tenant_id, now_at=now_at, done=done)


async def _require_sandbox(tx: Tx, tenant_id: UUID) -> None:
    tenant = await tenants.get_tenant(tx.conn, tenant_id=tenant_id)
    if tenant is None:
        raise NotFound(f"there is no tenant {tenant_id}; check the id", code="tenant_not_found")
    if not tenant.sandbox:
        raise Conflict(
            "only a sandbox has a test clock; create a tenant with sandbox: true to try out time", code="not_a_sandbox"
        )


def _shown(row: models.TestClock) -> ClockOut:
    return ClockOut(row.now_at, row.target_at, "advancing" if row.target_at else "ready")
