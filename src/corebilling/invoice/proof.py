"""Invoices and what became of them, for the ledger's proof that each has its journal."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.invoice import credit_notes, standing, writing_off
from corebilling.invoice.queries import invoices as queries
from corebilling.kernel.journal import DocumentType, PostedDocument
from corebilling.platform.db import Tx


async def documents(
    tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
) -> Sequence[PostedDocument]:
    """Documents of that type across tenants, in the order of their keys, after the (tenant, document) given."""
    match document_type:
        case "credit_note":
            return await credit_notes.documents(tx, after, limit)
        case "write_off":
            return await writing_off.documents(tx, after, limit)
        case "recovery":
            return await standing.recoveries(tx, after, limit)
        case "invoice_void":
            return await _voided(tx, after, limit)
    return await _final(tx, after, limit)


async def _voided(tx: Tx, after: tuple[UUID, UUID], limit: int) -> list[PostedDocument]:
    rows = await queries.voided_in_order(tx.conn, after_tenant_id=after[0], after_invoice_id=after[1], page=limit)
    return [
        PostedDocument(row.tenant_id, row.invoice_id, row.void_journal_id, row.currency, None, -row.total_minor)
        for row in rows
    ]


async def _final(tx: Tx, after: tuple[UUID, UUID], limit: int) -> list[PostedDocument]:
    rows = await queries.documents_in_order(tx.conn, after_tenant_id=after[0], after_invoice_id=after[1], page=limit)
    return [
        PostedDocument(row.tenant_id, row.invoice_id, row.journal_id, row.currency, None, row.total_minor)
        for row in rows
    ]
