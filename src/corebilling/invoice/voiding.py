"""Taking invoices back that nobody paid: the journal is reversed, and what they billed may be invoiced again, or is at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.subscription import SubscriptionStatusChanged
from corebilling.invoice import announcing, stored
from corebilling.invoice.domain.document import Document, untaxed
from corebilling.invoice.domain.posting import invoice_journal, void_journal
from corebilling.invoice.domain.states import demand
from corebilling.invoice.drafting import unknown
from corebilling.invoice.finalising import Finalising
from corebilling.invoice.issuing import Final, Issuing
from corebilling.invoice.ports import Clocks, Customers, Ledger, Tenants, Wallets
from corebilling.invoice.queries import drafts
from corebilling.invoice.queries import lifecycle as queries
from corebilling.invoice.queries.lifecycle import LockStatesRow
from corebilling.invoice.queries.models import Invoice
from corebilling.invoice.standing import Key, locked
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import JournalDraft
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

EXPIRED = "the subscription expired before its first payment"


class Voiding:
    """Takes invoices back."""

    def __init__(self, *, clocks: Clocks, ledger: Ledger, wallets: Wallets) -> None:
        self._clocks = clocks
        self._ledger = ledger
        self._wallets = wallets

    async def void(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> None:
        """Void one invoice. Raises `NotFound`, or `Conflict` where it isn't open or something of it is settled."""
        await self._void(tx, [await self.voidable(tx, tenant_id, invoice_id)], reason, {})

    async def voidable(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> LockStatesRow:
        """The state of an invoice that can be voided, locked. Raises as `void`."""
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
        if state.credited_minor or state.noted_minor:
            raise Conflict(
                f"credit notes settled {state.credited_minor} minor units of invoice {state.number}; it stays as it is",
                code="invoice_partly_credited",
            )
        return state

    async def void_openings(self, tx: Tx, expired: Sequence[Envelope[SubscriptionStatusChanged]]) -> None:
        """Void the opening invoices of these subscriptions, but for those of which something is settled; drafts go."""
        causes = {(event.tenant_id, event.payload.subscription_id): event for event in expired}
        openings = await queries.opening_invoices(
            tx.conn, tenant_ids=[t for t, _ in causes], subscription_ids=[s for _, s in causes]
        )
        if not openings:
            return
        states = await locked(tx, [(row.tenant_id, row.invoice_id) for row in openings])
        unpaid = [state for state in states.values() if _untouched(state)]
        if unpaid:
            of_subscription = {
                (s.tenant_id, s.invoice_id): causes[s.tenant_id, s.subscription_id]
                for s in unpaid
                if s.subscription_id is not None
            }
            await self._void(tx, unpaid, EXPIRED, of_subscription)
        await _drop(tx, [state for state in states.values() if state.status == "draft"])

    async def _void(
        self, tx: Tx, states: Sequence[LockStatesRow], reason: str, causes: Mapping[Key, Envelope[Any]]
    ) -> None:
        """Void open invoices whose states are locked. What wallets paid of them goes back first."""
        times = await self._clocks.now(tx, {state.tenant_id for state in states})
        found = await stored.documents(tx, [(state.tenant_id, state.invoice_id) for state in states])
        if prepaid := [(state.tenant_id, state.invoice_id) for state in states if state.prepaid_minor]:
            await self._wallets.restore(tx, prepaid, times)
        reversals = [_reversal(*found[state.tenant_id, state.invoice_id], times[state.tenant_id]) for state in states]
        told_by = [causes.get((state.tenant_id, state.invoice_id)) for state in states]
        journals = await self._ledger.post(tx, reversals, causes=told_by)
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
        await _release(tx, states)
        events: list[NewEvent] = []
        for state, journal_id, cause in zip(states, journals, told_by, strict=True):
            of, at, seq = (state.tenant_id, state.invoice_id, _number(state)), times[state.tenant_id], state.seq + 1
            events.append(announcing.moved(*of, "open", "void", seq, at, cause))
            events.append(announcing.voided(*of, reason, journal_id, seq, at, cause))
        await emit(tx, events)


class Reissuing:
    """Voids an invoice and issues the same again, for the parties and by the taxes of today."""

    def __init__(
        self,
        *,
        clock: Clock,
        clocks: Clocks,
        tenants: Tenants,
        customers: Customers,
        voiding: Voiding,
        issuing: Issuing,
        finalising: Finalising,
    ) -> None:
        self._clock = clock
        self._clocks = clocks
        self._tenants = tenants
        self._customers = customers
        self._voiding = voiding
        self._issuing = issuing
        self._finalising = finalising

    async def reissue(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> UUID:
        """Answers the new invoice; what the old one claimed is the new one's. Raises as `void`.

        Where an outside engine taxes it is a draft until that has answered.
        """
        await self._voiding.voidable(tx, tenant_id, invoice_id)
        [(_, before)] = (await stored.documents(tx, [(tenant_id, invoice_id)])).values()
        fresh_id = new_id()
        await drafts.move_claims(tx.conn, tenant_id=tenant_id, invoice_id=invoice_id, new_invoice_id=fresh_id)
        if before.source is not None and before.source.group_id is not None:
            await drafts.move_ratings(
                tx.conn,
                tenant_id=tenant_id,
                group_id=before.source.group_id,
                invoice_id=invoice_id,
                new_invoice_id=fresh_id,
            )
        await self._voiding.void(tx, tenant_id, invoice_id, reason)
        final = await self._anew(tx, before, fresh_id)
        if final.tenant.invoicing.tax_engine == "external":
            await self._finalising.keep_until(tx, [(final, final.issued_at)], self._clock())
        else:
            await self._issuing.issue(tx, [final], self._clock())
        return fresh_id

    async def _anew(self, tx: Tx, before: Document, fresh_id: UUID) -> Final:
        tenant_id, buyer = before.tenant_id, (before.tenant_id, before.customer_id)
        tenant = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id]
        customer = (await self._customers.profiles(tx, [buyer]))[buyer]
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        fresh = replace(untaxed(before, tenant, customer), invoice_id=fresh_id, replaces_invoice_id=before.invoice_id)
        return Final(fresh, tenant, customer, now)


def _untouched(state: LockStatesRow) -> bool:
    return state.status == "open" and not (state.paid_minor or state.credited_minor or state.noted_minor)


def _reversal(row: Invoice, document: Document, at: datetime) -> JournalDraft:
    assert row.issued_at is not None
    assert row.number is not None, "an open invoice has its number"
    posted = invoice_journal(document, row.issued_at, row.posting_version or 1)
    assert posted is not None, "an open invoice has its journal"
    return void_journal(posted, row.number, at)


async def _release(tx: Tx, states: Sequence[LockStatesRow]) -> None:
    await queries.release_claims(
        tx.conn,
        tenant_ids=[state.tenant_id for state in states],
        invoice_ids=[state.invoice_id for state in states],
        subscription_ids=[state.subscription_id for state in states],
        group_ids=[state.group_id for state in states],
    )


async def _drop(tx: Tx, states: Sequence[LockStatesRow]) -> None:
    """Drafts of what never began are thrown away."""
    if states:
        await _release(tx, states)
        await drafts.delete_drafts(
            tx.conn,
            tenant_ids=[state.tenant_id for state in states],
            invoice_ids=[state.invoice_id for state in states],
        )


def _number(state: LockStatesRow) -> str:
    assert state.number is not None, "an open invoice has its number"
    return state.number
