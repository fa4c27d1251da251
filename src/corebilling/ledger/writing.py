"""Writing journals, their entries and their deferrals, as many as there are in a batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.ledger import LedgerPosted
from corebilling.kernel.party import TenantProfile
from corebilling.ledger.domain.deferral import shares
from corebilling.ledger.domain.posting import Posting, earned_by
from corebilling.ledger.queries import deferrals as deferral_queries
from corebilling.ledger.queries import journals as queries
from corebilling.platform.db import Tx


async def write(tx: Tx, postings: Sequence[Posting], posted_at: datetime) -> None:
    """Journals with all of their entries: one queued statement."""
    drafts = [posting.draft for posting in postings]
    entries = [(posting, line) for posting in postings for line in posting.lines]
    await queries.post_journals(
        tx.conn,
        posted_at=posted_at,
        tenant_ids=[draft.tenant_id for draft in drafts],
        journal_ids=[posting.journal_id for posting in postings],
        document_types=[draft.document_type for draft in drafts],
        document_ids=[draft.document_id for draft in drafts],
        currencies=[draft.currency for draft in drafts],
        totals_minor=[posting.total_minor for posting in postings],
        entry_counts=[len(posting.lines) for posting in postings],
        effective_ats=[posting.effective_at for posting in postings],
        descriptions=[draft.description for draft in drafts],
        digests=[posting.digest for posting in postings],
        entry_tenant_ids=[posting.draft.tenant_id for posting, _ in entries],
        entry_journal_ids=[posting.journal_id for posting, _ in entries],
        entry_nos=[line[0] for _, line in entries],
        accounts=[line[1] for _, line in entries],
        entry_currencies=[posting.draft.currency for posting, _ in entries],
        amounts_minor=[line[2] for _, line in entries],
        customer_ids=[line[3] for _, line in entries],
    )


async def defer(tx: Tx, postings: Sequence[Posting], tenants: Mapping[UUID, TenantProfile]) -> None:
    """What these journals put off, by the months that earn it: one queued statement."""
    put_off = [(p, no, item) for p in postings for no, item in enumerate(p.draft.deferrals, 1)]
    months = [
        (p, no, item, share)
        for p, no, item in put_off
        for share in shares(item, p.effective_at, tenants[p.draft.tenant_id].time_zone)
    ]
    await deferral_queries.defer(
        tx.conn,
        tenant_ids=[p.draft.tenant_id for p, _, _ in put_off],
        journal_ids=[p.journal_id for p, _, _ in put_off],
        deferral_nos=[no for _, no, _ in put_off],
        currencies=[p.draft.currency for p, _, _ in put_off],
        accounts=[earned_by(item) for _, _, item in put_off],
        amounts_minor=[item.amount_minor for _, _, item in put_off],
        starts_ats=[item.starts_at for _, _, item in put_off],
        ends_ats=[item.ends_at for _, _, item in put_off],
        share_tenant_ids=[p.draft.tenant_id for p, _, _, _ in months],
        share_journal_ids=[p.journal_id for p, _, _, _ in months],
        share_deferral_nos=[no for _, no, _, _ in months],
        months=[share.month for _, _, _, share in months],
        due_ats=[share.due_at for _, _, _, share in months],
        share_currencies=[p.draft.currency for p, _, _, _ in months],
        share_accounts=[earned_by(item) for _, _, item, _ in months],
        share_amounts_minor=[share.amount_minor for _, _, _, share in months],
    )


def posted(posting: Posting, posted_at: datetime, cause: Envelope[Any] | None) -> NewEvent:
    """The event that tells of a journal."""
    draft = posting.draft
    payload = LedgerPosted(
        journal_id=posting.journal_id,
        document_type=draft.document_type,
        document_id=draft.document_id,
        currency=draft.currency,
        total_minor=posting.total_minor,
        posted_at=posted_at,
        digest=posting.digest,
    )
    return NewEvent(draft.tenant_id, posting.journal_id, 1, payload, posted_at, cause)
