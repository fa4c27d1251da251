"""What makes a document final: when it is issued and due, its journal, its number."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.invoice.domain.states import Status
from corebilling.kernel.journal import EntryDraft, JournalDraft
from corebilling.kernel.period import zone

RECEIVABLE = "1200"
REVENUE = "4000"

Series = tuple[UUID, str]
"""A tenant and the head of its numbers, such as `INV-2026`."""


class Issue(msgspec.Struct, frozen=True):
    """How a document is issued. `status` is what it becomes: paid at once when nothing is due."""

    series: str
    issued_at: datetime
    due_at: datetime
    status: Status


def issue(prefix: str, time_zone: str, net_days: int, issued_at: datetime, total_minor: int) -> Issue:
    """Terms in the tenant's zone: the series carries the year there, and the due date keeps the time of day."""
    local = issued_at.astimezone(zone(time_zone))
    due_at = (local + timedelta(days=net_days)).astimezone(UTC)
    return Issue(f"{prefix}-{local.year}", issued_at, max(due_at, issued_at), "open" if total_minor else "paid")


def invoice_journal(
    tenant_id: UUID, invoice_id: UUID, customer_id: UUID, currency: str, total_minor: int, issued_at: datetime
) -> JournalDraft:
    """The customer owes, we have earned."""
    return JournalDraft(
        tenant_id=tenant_id,
        document_type="invoice",
        document_id=invoice_id,
        currency=currency,
        effective_at=issued_at,
        description="Invoice",
        entries=(EntryDraft(RECEIVABLE, total_minor, customer_id), EntryDraft(REVENUE, -total_minor)),
    )


def void_journal(
    tenant_id: UUID, invoice_id: UUID, customer_id: UUID, currency: str, total_minor: int, at: datetime, number: str
) -> JournalDraft:
    """The invoice's journal the other way round."""
    return JournalDraft(
        tenant_id=tenant_id,
        document_type="invoice_void",
        document_id=invoice_id,
        currency=currency,
        effective_at=at,
        description=f"Void of invoice {number}",
        entries=(EntryDraft(REVENUE, total_minor), EntryDraft(RECEIVABLE, -total_minor, customer_id)),
    )


def credit_series(time_zone: str, issued_at: datetime) -> str:
    """The series of credit notes: `CN` and the year in the tenant's zone. No tenant's invoices have that prefix."""
    return f"CN-{issued_at.astimezone(zone(time_zone)).year}"


def credit_journal(
    tenant_id: UUID, credit_note_id: UUID, customer_id: UUID, currency: str, total_minor: int, issued_at: datetime
) -> JournalDraft:
    """We have earned less, the customer owes less."""
    return JournalDraft(
        tenant_id=tenant_id,
        document_type="credit_note",
        document_id=credit_note_id,
        currency=currency,
        effective_at=issued_at,
        description="Credit note",
        entries=(EntryDraft(REVENUE, total_minor), EntryDraft(RECEIVABLE, -total_minor, customer_id)),
    )


def wanted(series: Sequence[Series]) -> dict[Series, int]:
    """How many numbers each series must give, in the order of the keys that they are locked in."""
    counts: dict[Series, int] = defaultdict(int)
    for one in series:
        counts[one] += 1
    return dict(sorted(counts.items()))


def numbers(series: Sequence[Series], last: Mapping[Series, int]) -> list[str]:
    """The number of each document, in their order; `last` is the last number of the run that each series gave."""
    following = {one: last[one] - count for one, count in wanted(series).items()}
    given = []
    for one in series:
        following[one] += 1
        given.append(f"{one[1]}-{following[one]:06d}")
    return given
