"""Credit notes by hand: all of an invoice, an amount of it, or some of its lines; and those that refunds need."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.invoice import credit_notes
from corebilling.invoice.credit_issuing import CreditIssuing, NoteDraft
from corebilling.invoice.credit_rows import Correctable, Issued, correctable
from corebilling.invoice.domain.credit import CreditNote, applied, by_hand
from corebilling.invoice.domain.creditable import Creditable, Part, all_left, in_proportion, more_than_is_left
from corebilling.invoice.domain.splitting import rounded
from corebilling.invoice.ports import Clocks, Tenants
from corebilling.invoice.schemas.credit_notes import (
    CreditLineCreate,
    CreditNoteCreate,
    CreditNoteDetailOut,
    CreditNotePreview,
)
from corebilling.invoice.settling import unknown
from corebilling.invoice.standing import Key, State, States, locked, unpaid_of
from corebilling.invoice.wallets import Wallets
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.settlement import CreditRefund, DrawnCredit
from corebilling.platform.db import Tx


class Noting:
    """Issues credit notes that somebody asks for."""

    def __init__(
        self, *, clock: Clock, clocks: Clocks, tenants: Tenants, issuing: CreditIssuing, wallets: Wallets
    ) -> None:
        self._clock = clock
        self._clocks = clocks
        self._tenants = tenants
        self._issuing = issuing
        self._wallets = wallets

    async def issue(self, tx: Tx, tenant_id: UUID, wanted: CreditNoteCreate) -> CreditNoteDetailOut:
        """Issue a credit note.

        Raises `NotFound`, `Conflict` for an invoice that isn't final or has less left to credit, `Invalid` for lines that it
        doesn't have.
        """
        states, invoices = await self._load(tx, [(tenant_id, wanted.invoice_id)])
        note = _drafted(wanted, states, invoices, tenant_id, await self._now(tx, tenant_id))
        [issued] = await self._issue(tx, [note], states, invoices, settling=True)
        return await credit_notes.get(tx, tenant_id, issued.note.credit_note_id)

    async def preview(self, tx: Tx, tenant_id: UUID, wanted: CreditNoteCreate) -> CreditNotePreview:
        """The credit note that `issue` would issue, with what it would settle; nothing is written. Raises as `issue`."""
        states, invoices = await self._load(tx, [(tenant_id, wanted.invoice_id)])
        note = _drafted(wanted, states, invoices, tenant_id, await self._now(tx, tenant_id))
        left = unpaid_of(states[tenant_id, wanted.invoice_id])
        return credit_notes.preview(applied(note, [wanted.invoice_id], {wanted.invoice_id: left}))

    async def refund_credit(self, tx: Tx, requests: Sequence[CreditRefund]) -> list[DrawnCredit]:
        """Credit notes over what is refunded, which settle nothing, and their credit drawn; in the order of the requests.

        Raises `NotFound`, `Conflict` where less is left to credit of an invoice.
        """
        if not requests:
            return []
        states, invoices = await self._load(tx, [(one.tenant_id, one.invoice_id) for one in requests])
        drawn = []
        for one in requests:
            key = (one.tenant_id, one.invoice_id)
            invoice = _known(invoices, states, key)
            parts = in_proportion(invoice.lines, one.amount_minor, _left_to_credit(states[key]))
            note = by_hand(
                new_id(),
                invoice.corrected.document,
                parts,
                one.at,
                reason=one.reason,
                memo=None,
                refund=False,
                quantities={},
            )
            [issued] = await self._issue(tx, [note], states, invoices, settling=False)
            drawn.append(await self._draw(tx, issued))
            states, invoices = await self._load(tx, [(other.tenant_id, other.invoice_id) for other in requests])
        return drawn

    async def _draw(self, tx: Tx, issued: Issued) -> DrawnCredit:
        note = issued.note
        drawn = await self._wallets.draw(
            tx,
            note.tenant_id,
            note.customer_id,
            note.currency,
            note.total_minor,
            prefer=issued.grant_id,
            at=note.issued_at,
        )
        return msgspec.structs.replace(drawn, credit_note_id=note.credit_note_id)

    async def _load(self, tx: Tx, keys: Sequence[Key]) -> tuple[States, dict[Key, Correctable]]:
        """The states, locked, and then what is left: nobody else credits the same meanwhile."""
        states = await locked(tx, keys)
        return states, await correctable(tx, sorted(states))

    async def _issue(
        self,
        tx: Tx,
        notes: Sequence[CreditNote],
        states: States,
        invoices: Mapping[Key, Correctable],
        *,
        settling: bool,
    ) -> list[Issued]:
        tenants = await self._tenants.profiles(tx, {note.tenant_id for note in notes})
        drafts = [
            NoteDraft(
                note,
                tenants[note.tenant_id],
                invoices[note.tenant_id, note.invoice_id].corrected if note.invoice_id else None,
                (note.invoice_id,) if settling else (),
            )
            for note in notes
        ]
        return await self._issuing.issue(tx, drafts, states, self._clock())

    async def _now(self, tx: Tx, tenant_id: UUID) -> datetime:
        return (await self._clocks.now(tx, [tenant_id]))[tenant_id]


def _drafted(
    wanted: CreditNoteCreate, states: States, invoices: Mapping[Key, Correctable], tenant_id: UUID, now: datetime
) -> CreditNote:
    key = (tenant_id, wanted.invoice_id)
    invoice, most = _known(invoices, states, key), _left_to_credit(states[key]) if key in states else 0
    quantities: dict[int, Decimal] = {}
    if wanted.lines is not None and wanted.amount_minor is not None:
        raise invalid_field("/amount_minor", "send either lines or an amount to spread over all of them, not both")
    if wanted.lines is not None:
        parts = _of_lines(wanted.lines, invoice.lines, most)
        quantities = {line.line_no: line.quantity for line in wanted.lines if line.quantity is not None}
    elif wanted.amount_minor is not None:
        parts = in_proportion(invoice.lines, wanted.amount_minor, most)
    else:
        parts = all_left(invoice.lines, most)
    return by_hand(
        new_id(),
        invoice.corrected.document,
        parts,
        now,
        reason=wanted.reason,
        memo=wanted.memo,
        refund=wanted.settlement == "refund",
        quantities=quantities,
    )


def _known(invoices: Mapping[Key, Correctable], states: States, key: Key) -> Correctable:
    if key not in invoices:
        raise unknown(key[1])
    state = states[key]
    if state.status in ("draft", "void"):
        raise Conflict(
            f"invoice {state.number or state.invoice_id} is {state.status} and can't be credited; "
            + ("change or delete the draft" if state.status == "draft" else "nothing is owed for it"),
            code="invoice_state",
        )
    return invoices[key]


def _left_to_credit(state: State) -> int:
    return state.total_minor - state.noted_minor


def _of_lines(wanted: Sequence[CreditLineCreate], lines: Sequence[Creditable], most_minor: int) -> list[Part]:
    known, parts = {line.line_no: line for line in lines}, []
    if len({line.line_no for line in wanted}) < len(wanted):
        raise invalid_field("/lines", "name each line once, with all that is to be credited of it")
    for index, one in enumerate(wanted):
        line, pointer = known.get(one.line_no), f"/lines/{index}"
        if line is None:
            raise invalid_field(f"{pointer}/line_no", f"the invoice has no line {one.line_no} that could be credited")
        if line.left_minor < 1:
            raise invalid_field(f"{pointer}/line_no", f"nothing is left to credit of line {one.line_no}")
        gross = _gross(one, line, pointer)
        if gross > line.left_minor:
            raise more_than_is_left(gross, line.left_minor)
        parts.append(line.part(gross))
    if (total := sum(part.gross_minor for part in parts)) > most_minor:
        raise more_than_is_left(total, most_minor)
    return parts


def _gross(wanted: CreditLineCreate, line: Creditable, pointer: str) -> int:
    """What is asked for of a line, with the tax on top of it."""
    if wanted.amount_minor is not None and wanted.quantity is not None:
        raise invalid_field(f"{pointer}/quantity", "send either an amount or a quantity of a line, not both")
    if wanted.amount_minor is not None:
        return line.gross_of(wanted.amount_minor)
    if wanted.quantity is None:
        return line.left_minor
    if not 0 < wanted.quantity <= line.line.quantity:
        raise invalid_field(f"{pointer}/quantity", f"send a quantity of at most the {line.line.quantity} of the line")
    share = rounded(line.base_minor * wanted.quantity, line.line.quantity)
    if share < 1:
        raise invalid_field(f"{pointer}/quantity", "that quantity comes to less than a minor unit; credit more of it")
    return line.gross_of(share)
