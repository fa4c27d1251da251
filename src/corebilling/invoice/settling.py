"""Money for invoices and money that goes back, decided under the locks of their states."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from corebilling.invoice.domain.states import demand
from corebilling.invoice.ports import Ledger
from corebilling.invoice.queries import settling as queries
from corebilling.invoice.queries.settling import OpenInvoicesOfRow, OwedInvoiceRow
from corebilling.invoice.standing import (
    Key,
    State,
    States,
    changed,
    left_of,
    locked,
    save,
    subscriptions_of,
    unpaid_of,
)
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.money import from_minor
from corebilling.kernel.settlement import OpenInvoice, Reversal, SettledInvoice, Settlement
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

__all__ = ["Key", "Settling", "State", "States", "left_of", "locked"]


class Settling:
    """Takes money for invoices, and lets them be owed again."""

    def __init__(self, *, ledger: Ledger) -> None:
        self._ledger = ledger

    async def settle(self, tx: Tx, settlements: Sequence[Settlement]) -> list[SettledInvoice]:
        """Take money for invoices, in the order given, and answer what each came to.

        Raises `NotFound`, `Conflict` when an invoice can't be paid or less is left of it (unless `at_most`), `Invalid` for
        another currency.
        """
        if not settlements:
            return []
        before = await locked(tx, [(one.tenant_id, one.invoice_id) for one in settlements])
        after, settled = dict(before), []
        for one in settlements:
            key = (one.tenant_id, one.invoice_id)
            if key not in after:
                raise unknown(one.invoice_id)
            amount = _taken(after[key], one)
            if amount:
                after[key] = changed(after[key], paid=amount)
            settled.append(_settled(after[key], amount))
        when = {(one.tenant_id, one.invoice_id): one.paid_at for one in settlements}
        await emit(tx, await save(tx, self._ledger, before, after, when))
        return settled

    async def unsettle(self, tx: Tx, reversals: Sequence[Reversal]) -> list[SettledInvoice]:
        """Money that was taken went back: the invoices are owed again. Answers how much, and what is left of each then.

        Raises `NotFound`, and `Conflict` where less was paid of an invoice.
        """
        if not reversals:
            return []
        before = await locked(tx, [(one.tenant_id, one.invoice_id) for one in reversals])
        after, owed = dict(before), []
        for one in reversals:
            key = (one.tenant_id, one.invoice_id)
            if key not in after:
                raise unknown(one.invoice_id)
            state = after[key]
            if not 1 <= one.amount_minor <= state.paid_minor:
                raise Conflict(
                    f"{state.paid_minor} minor units were paid of invoice {state.number}, {one.amount_minor} can't go back; "
                    "reverse what was paid at most",
                    code="more_than_was_paid",
                )
            after[key] = changed(state, paid=-one.amount_minor)
            owed.append(_settled(after[key], one.amount_minor))
        when = {(one.tenant_id, one.invoice_id): one.at for one in reversals}
        await emit(tx, await save(tx, self._ledger, before, after, when))
        return owed


async def open_invoices(tx: Tx, tenant_id: UUID, customer_id: UUID, currency: str | None) -> list[OpenInvoice]:
    """What a customer owes, oldest due first, of one currency if asked. Nothing is locked."""
    rows = await queries.open_invoices_of(tx.conn, tenant_id=tenant_id, customer_id=customer_id, currency=currency)
    return [_open(row) for row in rows]


async def open_invoice(tx: Tx, tenant_id: UUID, invoice_id: UUID) -> OpenInvoice:
    """An invoice that waits for money, or was given up and takes it all the same. Raises `NotFound`, `Conflict` for others."""
    row = await queries.owed_invoice(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id)
    if row is None:
        raise unknown(invoice_id)
    demand(invoice_id, row.status, "paid")
    if row.number is None:
        raise _draft(invoice_id)
    return _open(row)


def unknown(invoice_id: UUID) -> NotFound:
    """No such invoice, or not this tenant's."""
    return NotFound(f"there is no invoice {invoice_id}; list invoices to find its id", code="invoice_not_found")


def _draft(invoice_id: UUID) -> Conflict:
    return Conflict(f"invoice {invoice_id} is a draft; finalise it first", code="invoice_state")


def _taken(state: State, wanted: Settlement) -> int:
    """How much of this money the invoice takes."""
    if wanted.currency not in (None, state.currency):
        raise invalid_field("/currency", f"invoice {state.number} is in {state.currency}; pay it in that currency")
    left = unpaid_of(state)
    amount = left if wanted.amount_minor is None else wanted.amount_minor
    if wanted.at_most:
        return max(min(amount, left), 0)
    demand(state.invoice_id, state.status, "paid")
    if state.number is None:
        raise _draft(state.invoice_id)
    if amount < 1:
        raise invalid_field("/amount_minor", "pay at least 1 minor unit")
    if amount > left:
        raise Conflict(
            f"{from_minor(amount, state.currency)} {state.currency} is more than the "
            f"{from_minor(left, state.currency)} {state.currency} left on invoice {state.number}; pay at most {left} minor units",
            code="more_than_is_left",
        )
    return amount


def _settled(state: State, amount_minor: int) -> SettledInvoice:
    return SettledInvoice(
        tenant_id=state.tenant_id,
        invoice_id=state.invoice_id,
        number=state.number or "",
        customer_id=state.customer_id,
        currency=state.currency,
        amount_minor=amount_minor,
        left_minor=unpaid_of(state),
    )


def _open(row: OpenInvoicesOfRow | OwedInvoiceRow) -> OpenInvoice:
    return OpenInvoice(
        tenant_id=row.tenant_id,
        invoice_id=row.invoice_id,
        number=_given(row.number),
        customer_id=row.customer_id,
        currency=row.currency,
        total_minor=row.total_minor,
        left_minor=row.total_minor - row.paid_minor - row.credited_minor - row.prepaid_minor,
        issued_at=_given(row.issued_at),
        due_at=_given(row.due_at),
        subscription_ids=subscriptions_of(row.subscription_id, row.subscriptions),
    )


T = TypeVar("T")


def _given(value: T | None) -> T:
    assert value is not None, "a final invoice has its number and dates"
    return value
