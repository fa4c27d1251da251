"""Where invoices stand: what is left of them, locked while it is decided, written with what follows from it.

Money or credit for an invoice that was given up opens it again: what was written off is taken back first, so that
Accounts receivable is what is left of open invoices at every instant.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import InvoicePaid
from corebilling.invoice import announcing
from corebilling.invoice.domain.document import purpose_of
from corebilling.invoice.domain.states import Status
from corebilling.invoice.ports import Ledger
from corebilling.invoice.queries import lifecycle as locks
from corebilling.invoice.queries import settling as queries
from corebilling.invoice.queries.lifecycle import LockStatesRow
from corebilling.kernel import accounts
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import EntryDraft, JournalDraft, PostedDocument
from corebilling.platform.db import Tx

Key = tuple[UUID, UUID]
"""(tenant, invoice)"""

State = LockStatesRow
States = dict[Key, State]

_names = msgspec.json.Decoder(dict[UUID, str])


async def locked(tx: Tx, keys: Sequence[Key]) -> States:
    """The states of these (tenant, invoice), locked in the order of their keys."""
    ordered = sorted(set(keys))
    rows = await locks.lock_states(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _ in ordered],
        invoice_ids=[invoice_id for _, invoice_id in ordered],
    )
    return {(row.tenant_id, row.invoice_id): row for row in rows}


def left_of(state: State) -> int:
    """What is still to be paid of an invoice, in minor units; nothing of one that isn't open."""
    return unpaid_of(state) if state.status == "open" else 0


def unpaid_of(state: State) -> int:
    """The same, and what nobody paid of one that was given up: money and credit may still come for it."""
    if state.status not in ("open", "uncollectible"):
        return 0
    return state.total_minor - state.paid_minor - state.credited_minor - state.prepaid_minor


def changed(state: State, *, paid: int = 0, credited: int = 0, prepaid: int = 0, noted: int = 0) -> State:
    """The state after so much more (less, if negative) was paid, settled by credit notes, paid by the wallet, noted."""
    after = replace(
        state,
        paid_minor=state.paid_minor + paid,
        credited_minor=state.credited_minor + credited,
        prepaid_minor=state.prepaid_minor + prepaid,
        noted_minor=state.noted_minor + noted,
        seq=state.seq + 1,
    )
    if not (paid or credited or prepaid):
        return after
    settled = after.paid_minor + after.credited_minor + after.prepaid_minor
    status: Status = "paid" if settled == after.total_minor else "open"
    return replace(after, status=status)


async def save(
    tx: Tx,
    ledger: Ledger,
    before: Mapping[Key, State],
    after: Mapping[Key, State],
    when: Mapping[Key, datetime],
    causes: Mapping[Key, Envelope[Any] | None] | None = None,
) -> list[NewEvent]:
    """Write states that were locked before, take back what was written off of them, and answer what is to be told.

    `before` are the states as they were locked; `when` says at what time each came to be.
    """
    moved = {key: state for key, state in after.items() if state.seq != before[key].seq}
    if not moved:
        return []
    await queries.save_states(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _ in moved],
        invoice_ids=[invoice_id for _, invoice_id in moved],
        statuses=[state.status for state in moved.values()],
        paids_minor=[state.paid_minor for state in moved.values()],
        credits_minor=[state.credited_minor for state in moved.values()],
        prepaids_minor=[state.prepaid_minor for state in moved.values()],
        noteds_minor=[state.noted_minor for state in moved.values()],
        seqs=[state.seq for state in moved.values()],
        changed_ats=[when[key] for key in moved],
    )
    told_by = causes or {}
    await _recover(tx, ledger, [s for k, s in before.items() if _came_back(s, moved.get(k))], when, told_by)
    return [
        event
        for key, state in moved.items()
        if state.status != before[key].status
        for event in _announced(before[key], state, when[key], told_by.get(key))
    ]


def _came_back(before: State, after: State | None) -> bool:
    return before.status == "uncollectible" and after is not None and after.status != "uncollectible"


async def _recover(
    tx: Tx,
    ledger: Ledger,
    given_up: Sequence[State],
    when: Mapping[Key, datetime],
    causes: Mapping[Key, Envelope[Any] | None],
) -> None:
    """Take back all that was written off of these, which are owed again."""
    if not given_up:
        return
    keys, ids = [(state.tenant_id, state.invoice_id) for state in given_up], [new_id() for _ in given_up]
    drafts = [
        JournalDraft(
            tenant_id=state.tenant_id,
            document_type="recovery",
            document_id=recovery_id,
            currency=state.currency,
            effective_at=when[key],
            description=f"Recovery of invoice {state.number}",
            entries=(
                EntryDraft(accounts.RECEIVABLE, unpaid_of(state), state.customer_id),
                EntryDraft(accounts.BAD_DEBT, -unpaid_of(state)),
            ),
        )
        for key, state, recovery_id in zip(keys, given_up, ids, strict=True)
    ]
    journals = await ledger.post(tx, drafts, causes=[causes.get(key) for key in keys])
    await queries.write_recoveries(
        tx.conn,
        tenant_ids=[state.tenant_id for state in given_up],
        recovery_ids=ids,
        invoice_ids=[state.invoice_id for state in given_up],
        customer_ids=[state.customer_id for state in given_up],
        currencies=[state.currency for state in given_up],
        amounts_minor=[unpaid_of(state) for state in given_up],
        journal_ids=journals,
        recovered_ats=[when[key] for key in keys],
    )


async def recoveries(tx: Tx, after: tuple[UUID, UUID], limit: int) -> list[PostedDocument]:
    """For the ledger's proof: recoveries across tenants, in the order of their keys."""
    rows = await queries.recoveries_in_order(tx.conn, after_tenant_id=after[0], after_recovery_id=after[1], page=limit)
    return [
        PostedDocument(row.tenant_id, row.recovery_id, row.journal_id, row.currency, row.amount_minor) for row in rows
    ]


def subscriptions_of(subscription_id: UUID | None, names: str | None) -> tuple[UUID, ...]:
    """The subscriptions that an invoice bills; none on a one-off."""
    if subscription_id is not None:
        return (subscription_id,)
    return tuple(_names.decode(names)) if names else ()


def _announced(before: State, state: State, at: datetime, cause: Envelope[Any] | None) -> list[NewEvent]:
    assert state.number is not None, "only final invoices are settled"
    of = (state.tenant_id, state.invoice_id)
    events = [announcing.moved(*of, state.number, before.status, state.status, state.seq, at, cause)]
    if state.status == "paid":
        paid = InvoicePaid(
            state.invoice_id,
            state.number,
            state.currency,
            state.total_minor,
            at,
            state.subscription_id,
            purpose_of(state.purpose, state.subscription_id or state.group_id),
            subscriptions_of(state.subscription_id, state.subscriptions),
        )
        events.append(announcing.paid(*of, paid, state.seq, cause))
    return events
