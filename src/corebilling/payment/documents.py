"""What payments, refunds and disputes must have been posted as: the ledger's proof asks, page by page."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.kernel.journal import DocumentType, PostedDocument
from corebilling.payment.queries import disputes, payments, refunds
from corebilling.platform.db import Tx


async def documents(
    tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
) -> Sequence[PostedDocument]:
    """Documents of a type, across tenants, in the order of their keys."""
    tenant, last = after
    if document_type == "refund":
        return [
            PostedDocument(row.tenant_id, row.refund_id, row.journal_id, row.currency, row.amount_minor)
            for row in await refunds.refunds_in_order(tx.conn, after_tenant_id=tenant, after_refund_id=last, page=limit)
        ]
    if document_type == "refund_paid":
        return [
            PostedDocument(row.tenant_id, row.refund_id, row.paid_journal_id, row.currency, row.amount_minor)
            for row in await refunds.refunds_paid_in_order(
                tx.conn, after_tenant_id=tenant, after_refund_id=last, page=limit
            )
        ]
    if document_type == "refund_failed":
        return [
            PostedDocument(row.tenant_id, row.refund_id, row.failed_journal_id, row.currency, row.amount_minor)
            for row in await refunds.refunds_failed_in_order(
                tx.conn, after_tenant_id=tenant, after_refund_id=last, page=limit
            )
        ]
    if document_type == "dispute":
        return [
            PostedDocument(
                row.tenant_id, row.dispute_id, row.journal_id, row.currency, row.amount_minor + row.fee_minor
            )
            for row in await disputes.disputes_in_order(
                tx.conn, after_tenant_id=tenant, after_dispute_id=last, page=limit
            )
        ]
    if document_type == "dispute_won":
        return [
            PostedDocument(row.tenant_id, row.dispute_id, row.won_journal_id, row.currency, row.amount_minor)
            for row in await disputes.disputes_won_in_order(
                tx.conn, after_tenant_id=tenant, after_dispute_id=last, page=limit
            )
        ]
    return [
        PostedDocument(row.tenant_id, row.payment_id, row.journal_id, row.currency, row.amount_minor)
        for row in await payments.documents_in_order(tx.conn, after_tenant_id=tenant, after_payment_id=last, page=limit)
    ]
