"""What settled an invoice, for its explanation: payments, credit notes, the customer's credit, write-offs."""

from collections.abc import Sequence

from corebilling.invoice.domain.explain import subtraction
from corebilling.invoice.queries import verifying as queries
from corebilling.invoice.queries.models import Invoice, InvoiceState
from corebilling.invoice.schemas.explanations import CreditOut, GivenUpOut, PrepaidOut, ReceiptOut, SettlementOut
from corebilling.kernel.settlement import Receipt
from corebilling.platform.db import Tx


async def settlement(tx: Tx, row: Invoice, state: InvoiceState, receipts: Sequence[Receipt]) -> SettlementOut:
    """All that was paid, credited, prepaid and given up of an invoice, and what is left."""
    parts = [("paid", state.paid_minor), ("credited", state.credited_minor), ("prepaid", state.prepaid_minor)]
    return SettlementOut(
        total_minor=row.total_minor,
        paid_minor=state.paid_minor,
        credited_minor=state.credited_minor,
        prepaid_minor=state.prepaid_minor,
        left_minor=row.total_minor - sum(amount for _, amount in parts) if state.status == "open" else 0,
        calculation=subtraction(row.total_minor, parts, row.currency),
        payments=[_receipt(one) for one in receipts],
        credit_notes=await _credit_notes(tx, row),
        prepaid=await _prepaid(tx, row),
        given_up=await _given_up(tx, row),
    )


def _receipt(one: Receipt) -> ReceiptOut:
    return ReceiptOut(
        one.payment_id,
        one.status,
        one.method,
        one.reference,
        one.paid_at,
        one.amount_minor,
        one.reopened_minor,
        one.refunded_minor,
        one.journal_id,
    )


async def _credit_notes(tx: Tx, row: Invoice) -> list[CreditOut]:
    notes = await queries.credit_notes_on(tx.conn, tenant_id=row.tenant_id, invoice_id=row.invoice_id)
    return [
        CreditOut(
            note.credit_note_id,
            note.number,
            note.reason,
            note.total_minor,
            note.applied_minor,
            note.corrects_it,
            note.issued_at,
            note.journal_id,
        )
        for note in notes
    ]


async def _prepaid(tx: Tx, row: Invoice) -> list[PrepaidOut]:
    parts = await queries.prepaid_parts(tx.conn, tenant_id=row.tenant_id, invoice_id=row.invoice_id)
    return [
        PrepaidOut(
            part.grant_id, part.kind, part.source, part.description, part.amount_minor, part.moved_at, part.journal_id
        )
        for part in parts
    ]


async def _given_up(tx: Tx, row: Invoice) -> list[GivenUpOut]:
    owner = {"tenant_id": row.tenant_id, "invoice_id": row.invoice_id}
    written_off = await queries.write_offs_of(tx.conn, **owner)
    recovered = await queries.recoveries_of(tx.conn, **owner)
    found = [
        GivenUpOut(one.write_off_id, one.amount_minor, one.reason, one.written_off_at, one.journal_id)
        for one in written_off
    ]
    found += [
        GivenUpOut(one.recovery_id, -one.amount_minor, None, one.recovered_at, one.journal_id) for one in recovered
    ]
    return sorted(found, key=lambda one: one.at)
