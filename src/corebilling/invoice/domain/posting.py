"""Journals of invoices, from their lines: what is owed, what was earned, what will be, and what is the tax office's.

An amount stands in one place only: discounts are taken off the lines that they are of, taxes within lines off theirs, and
what is carried from one invoice to the next is no revenue but a credit of the customer's.
"""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from corebilling.invoice.domain.document import Document, Line
from corebilling.kernel import accounts
from corebilling.kernel.journal import Deferral, EntryDraft, JournalDraft

POSTING_VERSION = 2
"""By which rules invoices are posted now. Version 1, of invoices that name none, put all of it on revenue."""

_AHEAD = frozenset({"recurring", "proration", "adjustment"})
"""Charges of prices billed in advance, and what changes and corrections make of them."""


def invoice_journal(document: Document, issued_at: datetime, version: int = POSTING_VERSION) -> JournalDraft | None:
    """The journal of an invoice; None where nothing is left to post."""
    deferrals: tuple[Deferral, ...] = ()
    if version == 1:
        entries = _entries(
            {(accounts.RECEIVABLE, None): document.total_minor, (accounts.REVENUE, None): -document.total_minor},
            document,
        )
    else:
        found = (deferral_of(document, line, issued_at) for line in document.lines)
        deferrals = tuple(deferral for deferral in found if deferral is not None)
        entries = _entries(_balances(document, issued_at), document)
    if not entries:
        return None
    return JournalDraft(
        tenant_id=document.tenant_id,
        document_type="invoice",
        document_id=document.invoice_id,
        currency=document.currency,
        effective_at=issued_at,
        description="Invoice",
        entries=entries,
        deferrals=deferrals,
    )


def void_journal(invoice: JournalDraft, number: str, at: datetime) -> JournalDraft:
    """The invoice's journal the other way round; what it put off is put off no more."""
    return replace(
        invoice,
        document_type="invoice_void",
        effective_at=at,
        description=f"Void of invoice {number}",
        entries=tuple(replace(entry, amount_minor=-entry.amount_minor) for entry in invoice.entries),
        deferrals=tuple(replace(deferral, amount_minor=-deferral.amount_minor) for deferral in invoice.deferrals),
    )


def write_off_journal(
    tenant_id: UUID, write_off_id: UUID, customer_id: UUID, currency: str, left_minor: int, at: datetime, number: str
) -> JournalDraft:
    """What is left of an invoice is given up."""
    return JournalDraft(
        tenant_id=tenant_id,
        document_type="write_off",
        document_id=write_off_id,
        currency=currency,
        effective_at=at,
        description=f"Write-off of invoice {number}",
        entries=(
            EntryDraft(accounts.BAD_DEBT, left_minor),
            EntryDraft(accounts.RECEIVABLE, -left_minor, customer_id),
        ),
    )


def deferral_of(document: Document, line: Line, issued_at: datetime) -> Deferral | None:
    """What of a line is earned later; None where that is nothing."""
    if not line.net_minor or not is_deferred(document, line, issued_at):
        return None
    assert line.period_start is not None
    assert line.period_end is not None
    return Deferral(line.net_minor, line.period_start, line.period_end, line.product)


def is_deferred(document: Document, line: Line, issued_at: datetime) -> bool:
    """Whether a line is for days to come: one that was billed ahead, or a caller's own line with a period."""
    if line.kind not in _AHEAD and not (line.kind == "one_off" and document.source is None):
        return False
    start, end = line.period_start, line.period_end
    return start is not None and end is not None and start < end and end > issued_at


def _balances(document: Document, issued_at: datetime) -> dict[tuple[str, str | None], int]:
    """Credits are negative. What lines don't explain (discounts without shares, of before) is on revenue without product."""
    found: dict[tuple[str, str | None], int] = defaultdict(int)
    found[accounts.RECEIVABLE, None] = document.total_minor
    for line in document.lines:
        if line.kind == "carried":
            found[accounts.CARRIED_CREDIT, None] -= line.amount_minor
        elif is_deferred(document, line, issued_at):
            found[accounts.DEFERRED_REVENUE, None] -= line.net_minor
        else:
            found[accounts.REVENUE, line.product] -= line.net_minor
    found[accounts.TAX_PAYABLE, None] -= document.tax_minor + document.included_tax_minor
    found[accounts.REVENUE, None] -= sum(found.values())
    return found


def _entries(balances: dict[tuple[str, str | None], int], document: Document) -> tuple[EntryDraft, ...]:
    ordered = sorted(balances.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    return tuple(
        EntryDraft(account, amount, document.customer_id if account in _BY_CUSTOMER else None, product)
        for (account, product), amount in ordered
        if amount
    )


_BY_CUSTOMER = frozenset({accounts.RECEIVABLE, accounts.CARRIED_CREDIT})
