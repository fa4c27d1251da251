"""Invoices that nobody will pay: what is left of them is given up."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import InvoiceUncollectible
from corebilling.events.payment import DunningEnded
from corebilling.invoice import announcing
from corebilling.invoice.domain.posting import write_off_journal
from corebilling.invoice.domain.states import demand
from corebilling.invoice.drafting import unknown
from corebilling.invoice.ports import Clocks, Ledger
from corebilling.invoice.queries import write_offs as queries
from corebilling.invoice.queries.lifecycle import LockStatesRow
from corebilling.invoice.standing import Key, left_of, locked
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import PostedDocument
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

EXHAUSTED = "collecting it failed as often as it was to be tried"
_LAST_MEASURES = frozenset({"uncollectible", "cancel_and_uncollectible"})


class WritingOff:
    """Gives invoices up."""

    def __init__(self, *, clocks: Clocks, ledger: Ledger) -> None:
        self._clocks = clocks
        self._ledger = ledger

    async def give_up(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> None:
        """Write off what is left of an open invoice. Raises `NotFound`, or `Conflict` where it isn't open."""
        key = (tenant_id, invoice_id)
        state = (await locked(tx, [key])).get(key)
        if state is None:
            raise unknown(invoice_id)
        demand(invoice_id, state.status, "uncollectible")
        await self._write_off(tx, [state], reason, {})

    async def end_collecting(self, tx: Tx, events: Sequence[Envelope[DunningEnded]]) -> None:
        """Write off what was collected in vain, where that is the tenant's last measure; what isn't open stays as it is."""
        causes = {
            (event.tenant_id, event.payload.invoice_id): event
            for event in events
            if event.payload.outcome == "exhausted" and event.payload.finally_do in _LAST_MEASURES
        }
        if not causes:
            return
        states = [state for state in (await locked(tx, list(causes))).values() if state.status == "open"]
        if states:
            await self._write_off(tx, states, EXHAUSTED, causes)

    async def _write_off(
        self, tx: Tx, states: Sequence[LockStatesRow], reason: str, causes: Mapping[Key, Envelope[Any]]
    ) -> None:
        """Open invoices whose states are locked."""
        times = await self._clocks.now(tx, {state.tenant_id for state in states})
        ids = [new_id() for _ in states]
        told_by = [causes.get((state.tenant_id, state.invoice_id)) for state in states]
        journals = await self._ledger.post(
            tx,
            [
                write_off_journal(
                    state.tenant_id,
                    write_off_id,
                    state.customer_id,
                    state.currency,
                    left_of(state),
                    times[state.tenant_id],
                    _number(state),
                )
                for state, write_off_id in zip(states, ids, strict=True)
            ],
            causes=told_by,
        )
        await queries.give_up(
            tx.conn,
            tenant_ids=[state.tenant_id for state in states],
            write_off_ids=ids,
            invoice_ids=[state.invoice_id for state in states],
            customer_ids=[state.customer_id for state in states],
            currencies=[state.currency for state in states],
            amounts_minor=[left_of(state) for state in states],
            reasons=[reason] * len(states),
            journal_ids=journals,
            given_up_ats=[times[state.tenant_id] for state in states],
            seqs=[state.seq + 1 for state in states],
        )
        events: list[NewEvent] = []
        for state, journal_id, cause in zip(states, journals, told_by, strict=True):
            at, seq, number = times[state.tenant_id], state.seq + 1, _number(state)
            given_up = InvoiceUncollectible(
                state.invoice_id, number, state.customer_id, state.currency, left_of(state), reason, journal_id, at
            )
            events += [
                announcing.moved(state.tenant_id, state.invoice_id, number, "open", "uncollectible", seq, at, cause),
                NewEvent(state.tenant_id, state.invoice_id, seq, given_up, at, cause),
            ]
        await emit(tx, events)


async def documents(tx: Tx, after: tuple[UUID, UUID], limit: int) -> list[PostedDocument]:
    """For the ledger's proof: write-offs across tenants, in the order of their keys."""
    rows = await queries.write_offs_in_order(tx.conn, after_tenant_id=after[0], after_write_off_id=after[1], page=limit)
    return [
        PostedDocument(row.tenant_id, row.write_off_id, row.journal_id, row.currency, row.amount_minor) for row in rows
    ]


def _number(state: LockStatesRow) -> str:
    assert state.number is not None, "an open invoice has its number"
    return state.number
