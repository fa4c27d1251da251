"""Writing invoices: journals first, then numbers, then everything else in one statement, then the events.

The row of a number series stays locked from the moment a number is taken until commit, so numbers come last.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.invoice import announcing
from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.issue import Issue, Series, invoice_journal, numbers, wanted
from corebilling.invoice.metrics import GENERATED
from corebilling.invoice.ports import Ledger
from corebilling.invoice.queries import issue as queries
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

_json = msgspec.json.Encoder().encode


class Final(msgspec.Struct, frozen=True):
    """A document about to be issued. `cause` is the event that asked for it."""

    document: Document
    issue: Issue
    cause: Envelope[Any] | None


async def issue_new(tx: Tx, ledger: Ledger, finals: Sequence[Final], written_at: datetime) -> None:
    """Write final invoices that didn't exist before, numbered in the order given, with their journals and events."""
    journals = await post(tx, ledger, finals)
    given = await take_numbers(tx, finals)
    await _write(tx, finals, given, journals, written_at)
    events: list[NewEvent] = []
    for final, number in zip(finals, given, strict=True):
        events += announcing.issued(final.document, final.issue, number, journals, 1, final.cause)
    await emit(tx, events)
    tx.once_committed(lambda: GENERATED.inc(len(finals)))


async def post(tx: Tx, ledger: Ledger, finals: Sequence[Final]) -> Mapping[UUID, UUID]:
    """Post the journals of all that is due; by invoice, without those that nothing is due on."""
    due = [final for final in finals if final.document.total_minor]
    drafts = [
        invoice_journal(
            final.document.tenant_id,
            final.document.invoice_id,
            final.document.customer_id,
            final.document.currency,
            final.document.total_minor,
            final.issue.issued_at,
        )
        for final in due
    ]
    journal_ids = await ledger.post(tx, drafts, causes=[final.cause for final in due])
    return {final.document.invoice_id: journal_id for final, journal_id in zip(due, journal_ids, strict=True)}


async def take_numbers(tx: Tx, finals: Sequence[Final]) -> list[str]:
    """A number for each, in their order, without gaps."""
    return await numbered(tx, [(final.document.tenant_id, final.issue.series) for final in finals])


async def numbered(tx: Tx, series: Sequence[Series]) -> list[str]:
    """The next number of each series, in their order; its row stays locked until commit."""
    counts = wanted(series)
    rows = await queries.take_numbers(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _ in counts],
        series=[name for _, name in counts],
        wanted=list(counts.values()),
    )
    return numbers(series, {(row.tenant_id, row.series): row.last_no for row in rows})


async def write_draft(tx: Tx, document: Document, written_at: datetime) -> None:
    """Write a draft: no number, no journal, not issued."""
    await _write_rows(tx, [document], [None], [None], {}, written_at)


async def _write(
    tx: Tx, finals: Sequence[Final], given: Sequence[str], journals: Mapping[UUID, UUID], written_at: datetime
) -> None:
    documents, issues = [final.document for final in finals], [final.issue for final in finals]
    await _write_rows(tx, documents, issues, given, journals, written_at)


async def _write_rows(
    tx: Tx,
    documents: Sequence[Document],
    issues: Sequence[Issue | None],
    given: Sequence[str | None],
    journals: Mapping[UUID, UUID],
    written_at: datetime,
) -> None:
    lines = [(document, no, line) for document in documents for no, line in enumerate(document.lines, 1)]
    sources = [document.source for document in documents]
    await queries.write_invoices(
        tx.conn,
        created_at=written_at,
        tenant_ids=[document.tenant_id for document in documents],
        invoice_ids=[document.invoice_id for document in documents],
        statuses=[issue.status if issue else "draft" for issue in issues],
        changed_ats=[issue.issued_at if issue else written_at for issue in issues],
        series=[issue.series if issue else None for issue in issues],
        numbers=given,
        customer_ids=[document.customer_id for document in documents],
        subscription_ids=[source.subscription_id if source else None for source in sources],
        period_starts=[source.period_start if source else None for source in sources],
        period_ends=[source.period_end if source else None for source in sources],
        currencies=[document.currency for document in documents],
        line_counts=[len(document.lines) for document in documents],
        subtotals_minor=[document.total_minor for document in documents],
        taxes_minor=[0] * len(documents),
        totals_minor=[document.total_minor for document in documents],
        issued_ats=[issue.issued_at if issue else None for issue in issues],
        due_ats=[issue.due_at if issue else None for issue in issues],
        sellers=[_json(document.seller) for document in documents],
        customers=[_json(document.buyer) for document in documents],
        rating_ids=[source.rating_id if source else None for source in sources],
        epochs=[source.epoch if source else None for source in sources],
        engine_versions=[source.engine_version if source else None for source in sources],
        journal_ids=[journals.get(document.invoice_id) for document in documents],
        invoice_purposes=[source.purpose if source else "one_off" for source in sources],
        group_ids=[source.group_id if source else None for source in sources],
        subscriptions=[_json(source.names) if source and source.names else None for source in sources],
        line_tenant_ids=[document.tenant_id for document, _, _ in lines],
        line_invoice_ids=[document.invoice_id for document, _, _ in lines],
        line_nos=[no for _, no, _ in lines],
        kinds=[line.kind for _, _, line in lines],
        line_descriptions=[line.description for _, _, line in lines],
        quantities=[line.quantity for _, _, line in lines],
        units=[line.unit for _, _, line in lines],
        amounts_minor=[line.amount_minor for _, _, line in lines],
        line_period_starts=[line.period_start for _, _, line in lines],
        line_period_ends=[line.period_end for _, _, line in lines],
        price_ids=[line.price_id for _, _, line in lines],
        meter_codes=[line.meter_code for _, _, line in lines],
        derivations=[_json(line.derivation) for _, _, line in lines],
        line_subscription_ids=[line.subscription_id for _, _, line in lines],
        discounts_minor=[line.discount_minor for _, _, line in lines],
    )
