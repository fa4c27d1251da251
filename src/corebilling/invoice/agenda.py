"""What is to be done with invoices later: finalise drafts, remind of what is due."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.issue import Issue, first_reminder
from corebilling.invoice.queries import agenda as queries
from corebilling.kernel.party import TenantProfile
from corebilling.platform.db import Tx

CHANNEL = "invoice_agenda"
"""NOTIFY channel: something may have fallen due."""


async def remind_of(tx: Tx, issued: Sequence[tuple[Document, TenantProfile, Issue]], noted_at: datetime) -> None:
    """Note the first reminder of each invoice that is owed."""
    owed = [(document, first_reminder(tenant, terms)) for document, tenant, terms in issued if terms.status == "open"]
    if owed:
        await queries.plan(
            tx.conn,
            noted_at=noted_at,
            tenant_ids=[document.tenant_id for document, _ in owed],
            invoice_ids=[document.invoice_id for document, _ in owed],
            kinds=["remind"] * len(owed),
            due_ats=[reminder.at for _, reminder in owed],
            steps=[reminder.days for _, reminder in owed],
        )


async def finalise_at(tx: Tx, drafts: Sequence[tuple[UUID, UUID, datetime]], noted_at: datetime) -> None:
    """Note when drafts, by (tenant, invoice), are to be finalised: the tenant's time."""
    if drafts:
        await queries.plan(
            tx.conn,
            noted_at=noted_at,
            tenant_ids=[tenant_id for tenant_id, _, _ in drafts],
            invoice_ids=[invoice_id for _, invoice_id, _ in drafts],
            kinds=["finalize"] * len(drafts),
            due_ats=[at for _, _, at in drafts],
            steps=[0] * len(drafts),
        )
        tx.wake(CHANNEL)
