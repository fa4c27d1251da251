"""Credit notes as answers."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.invoice.domain.credit import CreditLine
from corebilling.invoice.domain.credit import CreditNote as Note
from corebilling.invoice.domain.tax import LineTax, TaxCategory
from corebilling.invoice.queries import credits as queries
from corebilling.invoice.queries.models import CreditNote, CreditNoteLineTax
from corebilling.invoice.reading import buyer, derivation, seller, taxes_out
from corebilling.invoice.schemas.credit_notes import (
    AppliedOut,
    CreditLineOut,
    CreditNoteDetailOut,
    CreditNoteOut,
    CreditNotePreview,
)
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import NotFound
from corebilling.kernel.journal import PostedDocument
from corebilling.platform.db import Tx


class CreditNoteFilter(msgspec.Struct, frozen=True):
    """Which credit notes; all that is given must hold. `customer` is an id or external id; issued in `[issued_from, issued_to)`."""

    customer: str | None = None
    invoice_id: UUID | None = None
    issued_from: datetime | None = None
    issued_to: datetime | None = None


async def find(
    tx: Tx, tenant_id: UUID, wanted: CreditNoteFilter, customer_id: UUID | None, before: UUID, limit: int
) -> list[CreditNoteOut]:
    """Credit notes without their lines, newest first; `customer_id` is who is wanted."""
    rows = await queries.list_credit_notes(
        tx.conn,
        tenant_id=tenant_id,
        before_id=before,
        customer_id=customer_id,
        invoice_id=wanted.invoice_id,
        issued_from=wanted.issued_from,
        issued_to=wanted.issued_to,
        page=limit,
    )
    return [_summary(row) for row in rows]


async def get(tx: Tx, tenant_id: UUID, credit_note_id: UUID) -> CreditNoteDetailOut:
    """A credit note with its lines and what it settled. Raises `NotFound`."""
    row = await queries.get_credit_note(tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id)
    if row is None:
        raise NotFound(
            f"there is no credit note {credit_note_id}; list credit notes to find its id", code="credit_note_not_found"
        )
    lines = await queries.get_credit_note_lines(tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id)
    taxes: dict[int, list[LineTax]] = defaultdict(list)
    for tax in await queries.get_credit_note_taxes(tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id):
        taxes[tax.line_no].append(_tax(tax))
    applications = await queries.get_applications(tx.conn, tenant_id=tenant_id, credit_note_id=credit_note_id)
    customer = buyer(row)
    return CreditNoteDetailOut(
        **msgspec.structs.asdict(_summary(row)),
        seller_name=seller(row).name,
        customer_name=customer.name,
        customer_external_id=customer.external_id,
        lines=[
            CreditLineOut(
                line_no=line.line_no,
                description=line.description,
                quantity=plain(line.quantity),
                unit=line.unit,
                billed_minor=line.billed_minor,
                corrected_minor=line.corrected_minor,
                amount_minor=line.amount_minor,
                period_start=line.period_start,
                period_end=line.period_end,
                price_id=line.price_id,
                meter=line.meter_code,
                note=derivation(line).note,
                invoice_line_no=line.invoice_line_no,
                taxes=taxes_out(taxes[line.line_no]),
            )
            for line in lines
        ],
        applications=[AppliedOut(one.invoice_id, one.amount_minor, one.applied_at) for one in applications],
    )


def preview(note: Note) -> CreditNotePreview:
    """A credit note that isn't issued."""
    assert note.invoice_id is not None, "notes by hand are of an invoice"
    return CreditNotePreview(
        invoice_id=note.invoice_id,
        customer_id=note.customer_id,
        currency=note.currency,
        subtotal_minor=note.total_minor - note.tax_minor,
        tax_minor=note.tax_minor,
        included_tax_minor=note.included_tax_minor,
        total_minor=note.total_minor,
        applied_minor=note.applied_minor,
        balance_minor=note.balance_minor,
        lines=[_line(no, line) for no, line in enumerate(note.lines, 1)],
    )


def _line(no: int, line: CreditLine) -> CreditLineOut:
    return CreditLineOut(
        line_no=no,
        description=line.description,
        quantity=plain(line.quantity),
        unit=line.unit,
        billed_minor=line.billed_minor,
        corrected_minor=line.corrected_minor,
        amount_minor=line.amount_minor,
        period_start=line.period_start,
        period_end=line.period_end,
        price_id=line.price_id,
        meter=line.meter_code,
        note=line.derivation.note,
        invoice_line_no=line.invoice_line_no,
        taxes=taxes_out(line.taxes),
    )


def _tax(row: CreditNoteLineTax) -> LineTax:
    return LineTax(
        row.code,
        row.name,
        row.place,
        msgspec.convert(row.category, TaxCategory),
        row.rate,
        row.inclusive,
        row.taxable_minor,
        row.tax_minor,
        row.reason,
    )


async def documents(tx: Tx, after: tuple[UUID, UUID], limit: int) -> list[PostedDocument]:
    """The ledger's proof: all credit notes, across tenants, in the order of their keys.

    Those of before wallets took their whole total off the receivables, those of now what they settled.
    """
    rows = await queries.credit_notes_in_order(
        tx.conn, after_tenant_id=after[0], after_credit_note_id=after[1], page=limit
    )
    return [
        PostedDocument(
            row.tenant_id,
            row.credit_note_id,
            row.journal_id,
            row.currency,
            None,
            receivable_minor=row.balance_minor - row.total_minor,
        )
        for row in rows
    ]


def _summary(row: CreditNote) -> CreditNoteOut:
    return CreditNoteOut(
        id=row.credit_note_id,
        number=row.number,
        customer_id=row.customer_id,
        subscription_id=row.subscription_id,
        invoice_id=row.invoice_id,
        rating_id=row.rating_id,
        currency=row.currency,
        subtotal_minor=row.total_minor - row.tax_minor,
        tax_minor=row.tax_minor,
        included_tax_minor=row.included_tax_minor,
        total_minor=row.total_minor,
        applied_minor=row.applied_minor,
        unapplied_minor=row.unapplied_minor,
        balance_minor=row.balance_minor,
        grant_id=row.grant_id,
        refund=row.refund,
        reason=row.reason,
        memo=row.memo,
        issued_at=row.issued_at,
        journal_id=row.journal_id,
        created_at=row.created_at,
    )
