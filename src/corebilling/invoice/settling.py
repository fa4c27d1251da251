"""Money for invoices: who may still be paid or credited how much, decided under the locks of their states."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import InvoicePaid
from corebilling.invoice import announcing
from corebilling.invoice.domain.document import purpose_of
from corebilling.invoice.domain.states import Status, demand
from corebilling.invoice.queries import lifecycle as queries
from corebilling.invoice.queries.lifecycle import LockStatesRow
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.money import from_minor
from corebilling.kernel.settlement import SettledInvoice, Settlement
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

Key = tuple[UUID, UUID]
"""(tenant, invoice)"""

States = dict[Key, LockStatesRow]


async def settle(tx: Tx, settlements: Sequence[Settlement]) -> list[SettledInvoice]:
    """Take money for invoices, in the order given, and answer what each came to.

    Raises `NotFound`, `Conflict` when an invoice isn't open or less is left of it, `Invalid` for another currency.
    """
    if not settlements:
        return []
    states = await locked(tx, [(one.tenant_id, one.invoice_id) for one in settlements])
    settled: list[SettledInvoice] = []
    events: list[NewEvent] = []
    for one in settlements:
        key = (one.tenant_id, one.invoice_id)
        states[key], result = _take(states.get(key), one)
        settled.append(result)
        events += announced(states[key], one.paid_at)
    await save(tx, states, {(one.tenant_id, one.invoice_id): one.paid_at for one in settlements})
    await emit(tx, events)
    return settled


def left_of(state: LockStatesRow) -> int:
    """What is still to be paid of an invoice, in minor units; nothing of one that isn't open."""
    return state.total_minor - state.paid_minor - state.credited_minor if state.status == "open" else 0


def credited(state: LockStatesRow, amount_minor: int) -> LockStatesRow:
    """The state after a credit note settled this much of it."""
    status: Status = "paid" if amount_minor == left_of(state) else "open"
    return replace(state, status=status, credited_minor=state.credited_minor + amount_minor, seq=state.seq + 1)


async def save(tx: Tx, states: States, when: Mapping[Key, datetime]) -> None:
    """Write states that were locked before; `when` says at what time each came to be."""
    await queries.settle(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _ in states],
        invoice_ids=[invoice_id for _, invoice_id in states],
        statuses=[state.status for state in states.values()],
        paids_minor=[state.paid_minor for state in states.values()],
        credits_minor=[state.credited_minor for state in states.values()],
        seqs=[state.seq for state in states.values()],
        changed_ats=[when[key] for key in states],
    )


def announced(state: LockStatesRow, at: datetime, cause: Envelope[Any] | None = None) -> list[NewEvent]:
    """What is told of an open invoice that was settled: only that nothing is left, when that is so."""
    if state.status != "paid" or state.number is None:
        return []
    return [
        announcing.moved(state.tenant_id, state.invoice_id, state.number, "open", "paid", state.seq, at, cause),
        announcing.paid(
            state.tenant_id,
            state.invoice_id,
            InvoicePaid(
                state.invoice_id,
                state.number,
                state.currency,
                state.total_minor,
                at,
                state.subscription_id,
                purpose_of(state.purpose, state.subscription_id),
            ),
            state.seq,
            cause,
        ),
    ]


async def locked(tx: Tx, keys: Sequence[Key]) -> States:
    """The states of these (tenant, invoice), locked in the order of their keys."""
    ordered = sorted(set(keys))
    rows = await queries.lock_states(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _ in ordered],
        invoice_ids=[invoice_id for _, invoice_id in ordered],
    )
    return {(row.tenant_id, row.invoice_id): row for row in rows}


def _take(state: LockStatesRow | None, wanted: Settlement) -> tuple[LockStatesRow, SettledInvoice]:
    if state is None:
        raise NotFound(
            f"there is no invoice {wanted.invoice_id}; list invoices to find its id", code="invoice_not_found"
        )
    demand(state.invoice_id, state.status, "paid")
    if state.number is None:
        raise Conflict(f"invoice {state.invoice_id} is a draft; finalise it first", code="invoice_state")
    if wanted.currency not in (None, state.currency):
        raise invalid_field("/currency", f"invoice {state.number} is in {state.currency}; pay it in that currency")
    left = left_of(state)
    amount = left if wanted.amount_minor is None else wanted.amount_minor
    if amount < 1:
        raise invalid_field("/amount_minor", "pay at least 1 minor unit")
    if amount > left:
        raise Conflict(
            f"{from_minor(amount, state.currency)} {state.currency} is more than the "
            f"{from_minor(left, state.currency)} {state.currency} left on invoice {state.number}; pay at most {left} minor units",
            code="more_than_is_left",
        )
    status: Status = "paid" if amount == left else "open"
    after = replace(state, status=status, paid_minor=state.paid_minor + amount, seq=state.seq + 1)
    result = SettledInvoice(
        tenant_id=state.tenant_id,
        invoice_id=state.invoice_id,
        number=state.number,
        customer_id=state.customer_id,
        currency=state.currency,
        amount_minor=amount,
        left_minor=left - amount,
    )
    return after, result
