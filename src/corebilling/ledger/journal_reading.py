"""Reading journals: lists, and one with all of its parts."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from corebilling.kernel.errors import NotFound
from corebilling.kernel.journal import Deferral as PutOff
from corebilling.kernel.journal import DocumentType, PostedEntry, PostedJournal
from corebilling.ledger.domain.chart import product_of
from corebilling.ledger.queries import exports, manual
from corebilling.ledger.queries import journals as posted
from corebilling.ledger.queries import reports as queries
from corebilling.ledger.queries.models import Deferral, DeferralShare, Journal
from corebilling.ledger.schemas.journals import (
    DeferralOut,
    JournalDetailOut,
    JournalEntryOut,
    JournalOut,
    MonthShareOut,
)
from corebilling.platform.db import Tx


async def journals(
    tx: Tx,
    tenant_id: UUID,
    *,
    document_type: str | None,
    from_at: datetime | None,
    to_at: datetime | None,
    before: UUID | None,
    limit: int,
) -> list[JournalOut]:
    """Journals, newest first; effective at `from_at` or later and before `to_at`."""
    rows = await queries.list_journals(
        tx.conn,
        tenant_id=tenant_id,
        document_type=document_type,
        from_at=from_at,
        to_at=to_at,
        before_id=before,
        page=limit,
    )
    return [_shown(row) for row in rows]


async def journal(tx: Tx, tenant_id: UUID, journal_id: UUID) -> JournalDetailOut:
    """One journal with its entries and deferrals. Raises `NotFound`."""
    found = await queries.journals_by_id(tx.conn, tenant_id=tenant_id, journal_ids=[journal_id])
    if not found:
        raise NotFound(f"there is no journal {journal_id}; list journals to find its id", code="journal_not_found")
    [row] = found
    names = {account.code: account.name for account in await queries.list_accounts(tx.conn, tenant_id=tenant_id)}
    entries = await exports.entries_of(tx.conn, tenant_id=tenant_id, journal_ids=[journal_id])
    deferrals = await queries.deferrals_of(tx.conn, tenant_id=tenant_id, journal_id=journal_id)
    shares = await queries.shares_of(tx.conn, tenant_id=tenant_id, journal_id=journal_id)
    by_hand = None
    if row.document_type == "manual":
        by_hand = await manual.get_manual(tx.conn, tenant_id=tenant_id, manual_id=row.document_id)
    return JournalDetailOut(
        *_fields(row),
        entries=[
            JournalEntryOut(e.entry_no, e.account, names[e.account], e.amount_minor, e.customer_id) for e in entries
        ],
        deferrals=[
            _deferral(item, [share for share in shares if share.deferral_no == item.deferral_no]) for item in deferrals
        ],
        reference=by_hand.reference if by_hand else None,
        posted_by=by_hand.posted_by if by_hand else None,
    )


async def journals_of(
    tx: Tx, tenant_id: UUID, document_types: Sequence[DocumentType], document_ids: Sequence[UUID]
) -> list[PostedJournal]:
    """The journals of these documents, as far as they are of these types, in the order in which they were posted."""
    rows = await posted.journals_of_documents(
        tx.conn, tenant_id=tenant_id, document_types=document_types, document_ids=document_ids
    )
    ids = [row.journal_id for row in rows]
    entries: dict[UUID, list[PostedEntry]] = defaultdict(list)
    for entry in await exports.entries_of(tx.conn, tenant_id=tenant_id, journal_ids=ids):
        entries[entry.journal_id].append(PostedEntry(entry.account, entry.amount_minor, entry.customer_id))
    deferrals: dict[UUID, list[PutOff]] = defaultdict(list)
    for item in await posted.deferrals_of_journals(tx.conn, tenant_id=tenant_id, journal_ids=ids):
        deferrals[item.journal_id].append(
            PutOff(item.amount_minor, item.starts_at, item.ends_at, product_of(item.account))
        )
    return [
        PostedJournal(
            row.journal_id,
            row.document_type,
            row.document_id,
            row.currency,
            row.effective_at,
            tuple(entries[row.journal_id]),
            tuple(deferrals[row.journal_id]),
        )
        for row in rows
    ]


def _shown(row: Journal) -> JournalOut:
    return JournalOut(*_fields(row))


def _fields(row: Journal) -> tuple[UUID, str, UUID, str, int, datetime, datetime, str, str]:
    return (
        row.journal_id,
        row.document_type,
        row.document_id,
        row.currency,
        row.total_minor,
        row.effective_at,
        row.posted_at,
        row.description,
        row.digest.hex(),
    )


def _deferral(row: Deferral, shares: list[DeferralShare]) -> DeferralOut:
    months = [MonthShareOut(share.month, share.amount_minor, share.recognition_id is not None) for share in shares]
    return DeferralOut(row.account, row.amount_minor, row.starts_at, row.ends_at, months)
