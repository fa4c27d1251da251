"""Telling that invoices fall due, before, on and after the day; each time exactly once, and only while they are owed."""

from collections.abc import Sequence
from datetime import datetime

from corebilling.events.envelope import NewEvent
from corebilling.events.invoice import InvoiceDue
from corebilling.invoice.domain.issue import Reminder, next_reminder
from corebilling.invoice.ports import Clocks, Tenants
from corebilling.invoice.queries import agenda as queries
from corebilling.invoice.queries.agenda import ClaimRow
from corebilling.invoice.standing import Key, State, left_of, locked
from corebilling.kernel.clock import Clock
from corebilling.kernel.party import TenantProfile
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class Reminding:
    """Emits `invoice.due`."""

    def __init__(self, *, clock: Clock, clocks: Clocks, tenants: Tenants) -> None:
        self._clock = clock
        self._clocks = clocks
        self._tenants = tenants

    async def remind(self, tx: Tx, due: Sequence[ClaimRow]) -> int:
        """Tell of these and plan what follows each; answers of how many it was told. What isn't owed is forgotten.

        The states stay locked, so nothing is told of an invoice that is just being paid.
        """
        states = await locked(tx, [(row.tenant_id, row.invoice_id) for row in due])
        owed = [(row, states[row.tenant_id, row.invoice_id]) for row in due if _is_owed(states, row)]
        await self._forget(tx, [row for row in due if not _is_owed(states, row)])
        if not owed:
            return 0
        tenants = await self._tenants.profiles(tx, {row.tenant_id for row, _ in owed})
        following = [(row, _following(tenants[row.tenant_id], state, row.step)) for row, state in owed]
        ours = await self._take(tx, following)
        times = await self._clocks.now(tx, {row.tenant_id for row, _ in owed})
        events = []
        for row, state in owed:
            if (row.tenant_id, row.invoice_id) in ours:
                events.append(_told(row, state, max(row.due_at, times[row.tenant_id])))
        await emit(tx, events)
        return len(events)

    async def _take(self, tx: Tx, following: Sequence[tuple[ClaimRow, Reminder | None]]) -> set[Key]:
        """Those of them that nobody else told of meanwhile."""
        more = [(row, reminder) for row, reminder in following if reminder is not None]
        last = [row for row, reminder in following if reminder is None]
        taken: set[Key] = set()
        if more:
            rows = await queries.take_reminders(
                tx.conn,
                now=self._clock(),
                tenant_ids=[row.tenant_id for row, _ in more],
                invoice_ids=[row.invoice_id for row, _ in more],
                steps=[row.step for row, _ in more],
                next_steps=[reminder.days for _, reminder in more],
                next_due_ats=[reminder.at for _, reminder in more],
            )
            taken |= {(row.tenant_id, row.invoice_id) for row in rows}
        if last:
            ended = await queries.take_last_reminders(
                tx.conn,
                tenant_ids=[row.tenant_id for row in last],
                invoice_ids=[row.invoice_id for row in last],
                steps=[row.step for row in last],
            )
            taken |= {(row.tenant_id, row.invoice_id) for row in ended}
        return taken

    async def _forget(self, tx: Tx, over: Sequence[ClaimRow]) -> None:
        if over:
            await queries.done(
                tx.conn,
                tenant_ids=[row.tenant_id for row in over],
                invoice_ids=[row.invoice_id for row in over],
                kinds=[row.kind for row in over],
            )


def _is_owed(states: dict[Key, State], row: ClaimRow) -> bool:
    state = states.get((row.tenant_id, row.invoice_id))
    return state is not None and state.status == "open"


def _following(tenant: TenantProfile, state: State, step: int) -> Reminder | None:
    assert state.due_at is not None, "an open invoice has its due date"
    return next_reminder(tenant, state.due_at, step)


def _told(row: ClaimRow, state: State, at: datetime) -> NewEvent:
    assert state.number is not None
    assert state.due_at is not None
    due = InvoiceDue(
        state.invoice_id, state.number, state.customer_id, state.currency, left_of(state), state.due_at, row.step
    )
    return NewEvent(state.tenant_id, state.invoice_id, state.seq, due, at)
