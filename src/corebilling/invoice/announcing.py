"""The events that invoices publish."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import InvoiceGenerated, InvoicePaid, InvoiceStatusChanged, InvoiceVoided
from corebilling.invoice.domain.document import Document, Source
from corebilling.invoice.domain.issue import Issue


def issued(
    document: Document,
    issue: Issue,
    number: str,
    journals: Mapping[UUID, UUID],
    seq: int,
    cause: Envelope[Any] | None,
) -> list[NewEvent]:
    """An invoice became final: generated, its status, and paid when nothing is due."""
    source = document.source
    generated = InvoiceGenerated(
        invoice_id=document.invoice_id,
        number=number,
        customer_id=document.customer_id,
        subscription_id=source.subscription_id if source else None,
        period_start=source.period_start if source else None,
        period_end=source.period_end if source else None,
        currency=document.currency,
        subtotal_minor=document.subtotal_minor,
        tax_minor=document.tax_minor,
        total_minor=document.total_minor,
        issued_at=issue.issued_at,
        due_at=issue.due_at,
        journal_id=journals.get(document.invoice_id),
        purpose=source.purpose if source else "one_off",
        subscription_ids=_subscriptions(source),
        included_tax_minor=document.included_tax_minor,
        replaces_invoice_id=document.replaces_invoice_id,
    )
    events = [
        NewEvent(document.tenant_id, document.invoice_id, seq, generated, issue.issued_at, cause),
        moved(document.tenant_id, document.invoice_id, number, "draft", issue.status, seq, issue.issued_at, cause),
    ]
    if issue.status == "paid":
        nothing_due = InvoicePaid(
            document.invoice_id,
            number,
            document.currency,
            0,
            issue.issued_at,
            generated.subscription_id,
            generated.purpose,
        )
        events.append(paid(document.tenant_id, document.invoice_id, nothing_due, seq, cause))
    return events


def _subscriptions(source: Source | None) -> tuple[UUID, ...]:
    if source is None:
        return ()
    return (source.subscription_id,) if source.subscription_id else tuple(source.names or ())


def moved(
    tenant_id: UUID,
    invoice_id: UUID,
    number: str,
    before: str,
    after: str,
    seq: int,
    at: datetime,
    cause: Envelope[Any] | None = None,
) -> NewEvent:
    """A move in the state table."""
    return NewEvent(tenant_id, invoice_id, seq, InvoiceStatusChanged(invoice_id, number, before, after), at, cause)


def paid(
    tenant_id: UUID, invoice_id: UUID, payload: InvoicePaid, seq: int, cause: Envelope[Any] | None = None
) -> NewEvent:
    """Nothing is left to pay."""
    return NewEvent(tenant_id, invoice_id, seq, payload, payload.paid_at, cause)


def voided(
    tenant_id: UUID,
    invoice_id: UUID,
    number: str,
    reason: str,
    journal_id: UUID,
    seq: int,
    at: datetime,
    cause: Envelope[Any] | None = None,
) -> NewEvent:
    """The invoice was voided and its journal reversed."""
    return NewEvent(tenant_id, invoice_id, seq, InvoiceVoided(invoice_id, number, reason, journal_id, at), at, cause)
