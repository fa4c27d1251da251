"""Credit notes as rows: a note with its lines, their taxes and what it settles, all in one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.invoice import stored
from corebilling.invoice.domain.credit import CreditNote
from corebilling.invoice.domain.credit_posting import Corrected
from corebilling.invoice.domain.creditable import Creditable, creditable
from corebilling.invoice.queries import credits as queries
from corebilling.invoice.standing import Key
from corebilling.platform.db import Tx

_json = msgspec.json.Encoder().encode


class Issued(msgspec.Struct, frozen=True):
    """A credit note with what it settled, and the grant that holds the rest."""

    note: CreditNote
    number: str
    journal_id: UUID
    grant_id: UUID | None


class Correctable(msgspec.Struct, frozen=True):
    """An invoice, and what credit notes may still give back of its lines."""

    corrected: Corrected
    lines: list[Creditable]


async def correctable(tx: Tx, keys: Sequence[Key]) -> dict[Key, Correctable]:
    """These invoices by (tenant, invoice), whose states are locked; unknown ones are absent."""
    if not keys:
        return {}
    found = await stored.documents(tx, keys)
    rows = await queries.credited_lines(
        tx.conn, tenant_ids=[tenant_id for tenant_id, _ in keys], invoice_ids=[invoice_id for _, invoice_id in keys]
    )
    noted: dict[Key, dict[int, int]] = {key: {} for key in found}
    for row in rows:
        noted[row.tenant_id, row.invoice_id][row.line_no] = row.gross_minor
    return {
        key: Correctable(Corrected(document, row.issued_at, row.posting_version or 1), creditable(document, noted[key]))
        for key, (row, document) in found.items()
    }


async def write(tx: Tx, issued: Sequence[Issued], series: Sequence[str], written_at: datetime) -> None:
    """Write credit notes that have their numbers."""
    notes = [one.note for one in issued]
    lines = [(note, no, line) for note in notes for no, line in enumerate(note.lines, 1)]
    taxes = [(note, no, tax_no, tax) for note, no, line in lines for tax_no, tax in enumerate(line.taxes, 1)]
    settles = [(note, application) for note in notes for application in note.applications]
    await queries.write_credit_notes(
        tx.conn,
        tenant_ids=[note.tenant_id for note in notes],
        credit_note_ids=[note.credit_note_id for note in notes],
        series=series,
        numbers=[one.number for one in issued],
        customer_ids=[note.customer_id for note in notes],
        subscription_ids=[note.subscription_id for note in notes],
        invoice_ids=[note.invoice_id for note in notes],
        rating_ids=[note.rating_id for note in notes],
        currencies=[note.currency for note in notes],
        line_counts=[len(note.lines) for note in notes],
        taxes_minor=[note.tax_minor for note in notes],
        included_taxes_minor=[note.included_tax_minor for note in notes],
        totals_minor=[note.total_minor for note in notes],
        applied_minor=[note.applied_minor for note in notes],
        grant_ids=[one.grant_id for one in issued],
        refunds=[note.refund for note in notes],
        reasons=[note.reason for note in notes],
        memos=[note.memo for note in notes],
        issued_ats=[note.issued_at for note in notes],
        sellers=[_json(note.seller) for note in notes],
        customers=[_json(note.buyer) for note in notes],
        journal_ids=[one.journal_id for one in issued],
        created_ats=[written_at] * len(notes),
        settled_tenant_ids=[note.tenant_id for note, _ in settles],
        settling_note_ids=[note.credit_note_id for note, _ in settles],
        settled_invoice_ids=[application.invoice_id for _, application in settles],
        settled_minor=[application.amount_minor for _, application in settles],
        settled_ats=[note.issued_at for note, _ in settles],
        tax_tenant_ids=[note.tenant_id for note, _, _, _ in taxes],
        tax_note_ids=[note.credit_note_id for note, _, _, _ in taxes],
        tax_line_nos=[no for _, no, _, _ in taxes],
        tax_nos=[tax_no for _, _, tax_no, _ in taxes],
        tax_codes=[tax.code for _, _, _, tax in taxes],
        tax_names=[tax.name for _, _, _, tax in taxes],
        tax_places=[tax.place for _, _, _, tax in taxes],
        tax_categories=[tax.category for _, _, _, tax in taxes],
        tax_rates=[tax.rate for _, _, _, tax in taxes],
        tax_inclusives=[tax.inclusive for _, _, _, tax in taxes],
        taxables_minor=[tax.taxable_minor for _, _, _, tax in taxes],
        line_taxes_minor=[tax.tax_minor for _, _, _, tax in taxes],
        tax_reasons=[tax.reason for _, _, _, tax in taxes],
        line_tenant_ids=[note.tenant_id for note, _, _ in lines],
        line_note_ids=[note.credit_note_id for note, _, _ in lines],
        line_nos=[no for _, no, _ in lines],
        descriptions=[line.description for _, _, line in lines],
        quantities=[line.quantity for _, _, line in lines],
        units=[line.unit for _, _, line in lines],
        billed_minor=[line.billed_minor for _, _, line in lines],
        corrected_minor=[line.corrected_minor for _, _, line in lines],
        period_starts=[line.period_start for _, _, line in lines],
        period_ends=[line.period_end for _, _, line in lines],
        price_ids=[line.price_id for _, _, line in lines],
        meter_codes=[line.meter_code for _, _, line in lines],
        derivations=[_json(line.derivation) for _, _, line in lines],
        invoice_line_nos=[line.invoice_line_no for _, _, line in lines],
        products=[line.invoice_line.product if line.invoice_line else None for _, _, line in lines],
    )
