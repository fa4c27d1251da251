"""How any credit note becomes final: settled, posted, its rest granted to the wallet, numbered, written, told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import CreditApplied, CreditIssued
from corebilling.invoice import wallet_rows
from corebilling.invoice.credit_rows import Issued, write
from corebilling.invoice.domain.credit import CreditNote, applied
from corebilling.invoice.domain.credit_posting import Corrected, credit_journal
from corebilling.invoice.domain.numbering import Series, of_credit_note
from corebilling.invoice.issuing import numbered
from corebilling.invoice.ports import Ledger
from corebilling.invoice.standing import Key, States, changed, save, unpaid_of
from corebilling.invoice.wallets import Wallets
from corebilling.kernel.party import TenantProfile
from corebilling.kernel.settlement import GrantDraft
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class NoteDraft(msgspec.Struct, frozen=True):
    """A credit note about to be issued. It settles `invoices`, one after the other, as far as they are unpaid."""

    note: CreditNote
    tenant: TenantProfile
    corrected: Corrected | None
    invoices: tuple[UUID | None, ...]
    cause: Envelope[Any] | None = None


class CreditIssuing:
    """Issues credit notes, many at once."""

    def __init__(self, *, ledger: Ledger, wallets: Wallets) -> None:
        self._ledger = ledger
        self._wallets = wallets

    async def issue(self, tx: Tx, drafts: Sequence[NoteDraft], before: States, written_at: datetime) -> list[Issued]:
        """Issue notes in the order given. `before` are the states, locked, of all invoices that they correct or settle."""
        notes, after = _settled(drafts, before)
        causes = [draft.cause for draft in drafts]
        rest = [n for n, note in enumerate(notes) if note.balance_minor]
        await wallet_rows.opened(
            tx, {(o.tenant_id, o.customer_id, o.currency): o.issued_at for o in (notes[n] for n in rest)}
        )
        journals = await self._ledger.post(
            tx,
            [credit_journal(note, draft.corrected) for note, draft in zip(notes, drafts, strict=True)],
            causes=causes,
        )
        when: dict[Key, datetime] = {}
        told_by: dict[Key, Envelope[Any] | None] = {}
        for note, cause in zip(notes, causes, strict=True):
            for invoice_id in (note.invoice_id, *(one.invoice_id for one in note.applications)):
                if invoice_id is not None:
                    when[note.tenant_id, invoice_id], told_by[note.tenant_id, invoice_id] = note.issued_at, cause
        moved = await save(tx, self._ledger, before, after, when, told_by)
        granted = await self._wallets.grant(
            tx, [_grant(notes[n], journals[n]) for n in rest], [causes[n] for n in rest]
        )
        grants: Mapping[int, UUID] = dict(zip(rest, granted, strict=True))
        series: list[Series] = [
            (note.tenant_id, of_credit_note(draft.tenant, note.issued_at))
            for note, draft in zip(notes, drafts, strict=True)
        ]
        numbers = await numbered(tx, series)
        issued = [
            Issued(note, number, journal_id, grants.get(n))
            for n, (note, number, journal_id) in enumerate(zip(notes, numbers, journals, strict=True))
        ]
        await write(tx, issued, [run.series for _, run in series], written_at)
        events = [event for one, cause in zip(issued, causes, strict=True) for event in _announced(one, cause)]
        await emit(tx, events + moved)
        return issued


def _settled(drafts: Sequence[NoteDraft], before: States) -> tuple[list[CreditNote], States]:
    """The notes with what each settles, one after the other, and the states that this leaves."""
    after, notes = dict(before), []
    for draft in drafts:
        places = [(draft.note.tenant_id, one) for one in draft.invoices if one is not None]
        left = {key[1]: unpaid_of(after[key]) for key in places if key in after}
        note = applied(draft.note, draft.invoices, left)
        for application in note.applications:
            key = (note.tenant_id, application.invoice_id)
            after[key] = changed(after[key], credited=application.amount_minor)
        if note.invoice_id is not None:
            key = (note.tenant_id, note.invoice_id)
            state = after[key]
            # What rating corrects may have been billed on later invoices as well: it counts as far as it is this one's.
            counts = (
                min(note.total_minor, state.total_minor - state.noted_minor) if note.rating_id else note.total_minor
            )
            after[key] = changed(state, noted=counts)
        notes.append(note)
    return notes, after


def _grant(note: CreditNote, journal_id: UUID) -> GrantDraft:
    return GrantDraft(
        tenant_id=note.tenant_id,
        customer_id=note.customer_id,
        currency=note.currency,
        amount_minor=note.balance_minor,
        source="credit_note",
        granted_at=note.issued_at,
        source_id=note.credit_note_id,
        journal_id=journal_id,
    )


def _announced(one: Issued, cause: Envelope[Any] | None) -> list[NewEvent]:
    note = one.note
    issued = CreditIssued(
        note.credit_note_id,
        one.number,
        note.customer_id,
        note.subscription_id,
        note.invoice_id,
        note.currency,
        note.total_minor,
        note.balance_minor,
        note.issued_at,
        one.journal_id,
        note.tax_minor,
        one.grant_id,
        note.refund,
    )
    told: list[msgspec.Struct] = [
        CreditApplied(
            note.credit_note_id,
            one.number,
            note.customer_id,
            application.invoice_id,
            note.currency,
            application.amount_minor,
            note.issued_at,
        )
        for application in note.applications
    ]
    return [
        NewEvent(note.tenant_id, note.credit_note_id, 1, payload, note.issued_at, cause) for payload in (issued, *told)
    ]
