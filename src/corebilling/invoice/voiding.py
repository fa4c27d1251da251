"""Voiding invoices that nobody paid: the journal is reversed, and what they billed may be invoiced again."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.subscription import SubscriptionStatusChanged
from corebilling.invoice import announcing
from corebilling.invoice.domain.issue import void_journal
from corebilling.invoice.domain.states import demand
from corebilling.invoice.drafting import unknown
from corebilling.invoice.ports import Clocks, Ledger
from corebilling.invoice.queries import lifecycle as queries
from corebilling.invoice.queries.lifecycle import LockStatesRow
from corebilling.invoice.settling import Key, locked
from corebilling.kernel.errors import Conflict
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

EXPIRED = "the subscription expired before its first payment"


class Voiding:
    """Takes invoices back."""

    def __init__(self, *, clocks: Clocks, ledger: Ledger) -> None:
        self._clocks = clocks
        self._ledger = ledger

    async def void(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> None:
        """Void one invoice. Raises `NotFound`, or `Conflict` where it isn't open or something of it is settled."""
        key = (tenant_id, invoice_id)
        state = (await locked(tx, [key])).get(key)
        if state is None:
            raise unknown(invoice_id)
        demand(invoice_id, state.status, "void")
        if state.paid_minor:
            raise Conflict(
                f"{state.paid_minor} minor units were paid of invoice {state.number}; refund them first",
                code="invoice_partly_paid",
            )
        if state.credited_minor:
            raise Conflict(
                f"credit notes settled {state.credited_minor} minor units of invoice {state.number}; it stays as it is",
                code="invoice_partly_credited",
            )
        await self._void(tx, [state], reason, {})

    async def void_openings(self, tx: Tx, expired: Sequence[Envelope[SubscriptionStatusChanged]]) -> None:
        """Void the opening invoices of these subscriptions, but for those of which something is settled."""
        causes = {(event.tenant_id, event.payload.subscription_id): event for event in expired}
        openings = await queries.opening_invoices(
            tx.conn, tenant_ids=[t for t, _ in causes], subscription_ids=[s for _, s in causes]
        )
        if not openings:
            return
        states = await locked(tx, [(row.tenant_id, row.invoice_id) for row in openings])
        unpaid = [s for s in states.values() if s.status == "open" and not s.paid_minor and not s.credited_minor]
        if unpaid:
            of_subscription = {
                (s.tenant_id, s.invoice_id): causes[s.tenant_id, s.subscription_id]
                for s in unpaid
                if s.subscription_id is not None
            }
            await self._void(tx, unpaid, EXPIRED, of_subscription)

    async def _void(
        self, tx: Tx, states: Sequence[LockStatesRow], reason: str, causes: Mapping[Key, Envelope[Any]]
    ) -> None:
        """Void open invoices whose states are locked."""
        times = await self._clocks.now(tx, {state.tenant_id for state in states})
        drafts = [
            void_journal(
                state.tenant_id,
                state.invoice_id,
                state.customer_id,
                state.currency,
                state.total_minor,
                times[state.tenant_id],
                _number(state),
            )
            for state in states
        ]
        told_by = [causes.get((state.tenant_id, state.invoice_id)) for state in states]
        journals = await self._ledger.post(tx, drafts, causes=told_by)
        tenant_ids, invoice_ids = [state.tenant_id for state in states], [state.invoice_id for state in states]
        await queries.void(
            tx.conn,
            reason=reason,
            tenant_ids=tenant_ids,
            invoice_ids=invoice_ids,
            seqs=[state.seq + 1 for state in states],
            voided_ats=[times[state.tenant_id] for state in states],
            journal_ids=journals,
        )
        await queries.release_claims(
            tx.conn,
            tenant_ids=tenant_ids,
            invoice_ids=invoice_ids,
            subscription_ids=[state.subscription_id for state in states],
            group_ids=[state.group_id for state in states],
        )
        events: list[NewEvent] = []
        for state, journal_id, cause in zip(states, journals, told_by, strict=True):
            of, at, seq = (state.tenant_id, state.invoice_id, _number(state)), times[state.tenant_id], state.seq + 1
            events.append(announcing.moved(*of, "open", "void", seq, at, cause))
            events.append(announcing.voided(*of, reason, journal_id, seq, at, cause))
        await emit(tx, events)


def _number(state: LockStatesRow) -> str:
    assert state.number is not None, "an open invoice has its number"
    return state.number
