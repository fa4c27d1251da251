"""The journal of a payment."""

from datetime import datetime
from uuid import UUID

from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.kernel.settlement import SettledInvoice

CASH = "1000"
RECEIVABLE = "1200"


def payment_journal(payment_id: UUID, settled: SettledInvoice, paid_at: datetime) -> JournalDraft:
    """We have the money, the customer owes it no more."""
    return JournalDraft(
        tenant_id=settled.tenant_id,
        document_type="payment",
        document_id=payment_id,
        currency=settled.currency,
        effective_at=paid_at,
        description=f"Payment of invoice {settled.number}",
        entries=(
            EntryDraft(CASH, settled.amount_minor),
            EntryDraft(RECEIVABLE, -settled.amount_minor, settled.customer_id),
        ),
    )
