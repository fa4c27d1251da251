"""Credit notes: corrections of closed periods that a tenant wants as documents of their own. Written after the invoices
of the same ratings, which they may settle."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import CreditApplied, CreditIssued
from corebilling.events.rating import RatingCompleted
from corebilling.invoice import standing
from corebilling.invoice.domain.credit import CreditNote, applied, credit_note
from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.numbering import Series, of_credit_note
from corebilling.invoice.domain.posting import credit_journal
from corebilling.invoice.issuing import numbered
from corebilling.invoice.ports import Ledger
from corebilling.invoice.queries import credits as queries
from corebilling.invoice.standing import States
from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import TenantProfile
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

_json = msgspec.json.Encoder().encode


class Correction(msgspec.Struct, frozen=True):
    """Charges of a rating that go on a credit note. `document` is the invoice that the rating is on, if there is one."""

    document: Document
    rating: RatingCompleted
    charges: tuple[BilledCharge, ...]
    tenant: TenantProfile
    cause: Envelope[RatingCompleted]


Issued = tuple[CreditNote, Correction]


class Crediting:
    """Issues credit notes and settles invoices with them."""

    def __init__(self, *, ledger: Ledger) -> None:
        self._ledger = ledger

    async def credit(self, tx: Tx, corrections: Sequence[Correction], written_at: datetime) -> None:
        """One note for each rating and invoice that it corrects: posted, numbered, settled as far as there is something to settle."""
        notes = await _drafted(tx, corrections)
        keys = {(note.tenant_id, note.invoice_id) for note, _ in notes if note.invoice_id is not None}
        keys |= {(note.tenant_id, correction.document.invoice_id) for note, correction in notes}
        before = await standing.locked(tx, sorted(keys))
        notes, after = _settled(notes, before)
        journals = await self._ledger.post(
            tx,
            [
                credit_journal(n.tenant_id, n.credit_note_id, n.customer_id, n.currency, n.total_minor, n.issued_at)
                for n, _ in notes
            ],
            causes=[correction.cause for _, correction in notes],
        )
        series: list[Series] = [(n.tenant_id, of_credit_note(c.tenant, n.issued_at)) for n, c in notes]
        numbers = await numbered(tx, series)
        await _write(tx, [note for note, _ in notes], series, numbers, journals, written_at)
        events = [
            event
            for (note, correction), number, journal_id in zip(notes, numbers, journals, strict=True)
            for event in _announced(note, number, journal_id, correction.cause)
        ]
        when = {
            (n.tenant_id, application.invoice_id): (n.issued_at, c.cause)
            for n, c in notes
            for application in n.applications
        }
        times, causes = {key: at for key, (at, _) in when.items()}, {key: cause for key, (_, cause) in when.items()}
        events += await standing.save(tx, self._ledger, before, after, times, causes)
        await emit(tx, events)


async def _drafted(tx: Tx, corrections: Sequence[Correction]) -> list[Issued]:
    """The notes, by the invoices that billed what is corrected."""
    places = [(correction, charge) for correction in corrections for charge in correction.charges]
    rows = await queries.invoices_of_periods(
        tx.conn,
        places=list(range(len(places))),
        tenant_ids=[correction.document.tenant_id for correction, _ in places],
        subscription_ids=[correction.rating.subscription_id for correction, _ in places],
        ats=[charge.period_start for _, charge in places],
    )
    billed_by = {row.place: row.invoice_id for row in rows}
    found: dict[tuple[UUID, UUID | None], tuple[Correction, list[BilledCharge]]] = {}
    for place, (correction, charge) in enumerate(places):
        key = (correction.rating.rating_id, billed_by.get(place))
        found.setdefault(key, (correction, []))[1].append(charge)
    return [
        (credit_note(new_id(), invoice_id, correction.rating, charges, correction.document), correction)
        for (_, invoice_id), (correction, charges) in found.items()
    ]


def _settled(notes: Sequence[Issued], states: States) -> tuple[list[Issued], States]:
    """The notes with what each settles, one after the other, and the states that this leaves."""
    after, done = dict(states), []
    for drafted, correction in notes:
        issued_with = correction.document.invoice_id
        places = [(drafted.tenant_id, one) for one in (drafted.invoice_id, issued_with) if one]
        left = {key[1]: standing.left_of(after[key]) for key in places if key in after}
        note = applied(drafted, issued_with, left)
        for application in note.applications:
            key = (note.tenant_id, application.invoice_id)
            after[key] = standing.changed(after[key], credited=application.amount_minor)
        done.append((note, correction))
    return done, after


def _announced(note: CreditNote, number: str, journal_id: UUID, cause: Envelope[RatingCompleted]) -> list[NewEvent]:
    issued = CreditIssued(
        note.credit_note_id,
        number,
        note.customer_id,
        note.subscription_id,
        note.invoice_id,
        note.currency,
        note.total_minor,
        note.total_minor - note.applied_minor,
        note.issued_at,
        journal_id,
    )
    told: list[msgspec.Struct] = [
        CreditApplied(
            note.credit_note_id,
            number,
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


async def _write(
    tx: Tx,
    notes: Sequence[CreditNote],
    series: Sequence[Series],
    numbers: Sequence[str],
    journals: Sequence[UUID],
    written_at: datetime,
) -> None:
    lines = [(note, no, line, line.charge) for note in notes for no, line in enumerate(note.lines, 1)]
    settles = [(note, application) for note in notes for application in note.applications]
    await queries.write_credit_notes(
        tx.conn,
        created_at=written_at,
        tenant_ids=[note.tenant_id for note in notes],
        credit_note_ids=[note.credit_note_id for note in notes],
        series=[run.series for _, run in series],
        numbers=numbers,
        customer_ids=[note.customer_id for note in notes],
        subscription_ids=[note.subscription_id for note in notes],
        invoice_ids=[note.invoice_id for note in notes],
        rating_ids=[note.rating_id for note in notes],
        currencies=[note.currency for note in notes],
        line_counts=[len(note.lines) for note in notes],
        totals_minor=[note.total_minor for note in notes],
        applied_minor=[note.applied_minor for note in notes],
        issued_ats=[note.issued_at for note in notes],
        sellers=[_json(note.seller) for note in notes],
        customers=[_json(note.buyer) for note in notes],
        journal_ids=journals,
        settled_tenant_ids=[note.tenant_id for note, _ in settles],
        settling_note_ids=[note.credit_note_id for note, _ in settles],
        settled_invoice_ids=[application.invoice_id for _, application in settles],
        settled_minor=[application.amount_minor for _, application in settles],
        settled_ats=[note.issued_at for note, _ in settles],
        line_tenant_ids=[note.tenant_id for note, _, _, _ in lines],
        line_note_ids=[note.credit_note_id for note, _, _, _ in lines],
        line_nos=[no for _, no, _, _ in lines],
        descriptions=[charge.description for _, _, _, charge in lines],
        quantities=[charge.quantity for _, _, _, charge in lines],
        units=[charge.unit for _, _, _, charge in lines],
        billed_minor=[line.billed_minor for _, _, line, _ in lines],
        corrected_minor=[line.corrected_minor for _, _, line, _ in lines],
        period_starts=[charge.period_start for _, _, _, charge in lines],
        period_ends=[charge.period_end for _, _, _, charge in lines],
        price_ids=[charge.price_id for _, _, _, charge in lines],
        meter_codes=[charge.meter_code for _, _, _, charge in lines],
        derivations=[_json(charge.derivation) for _, _, _, charge in lines],
    )
