"""The ledger: posting journals for documents, and reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.ledger import LedgerPosted
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import JournalDraft
from corebilling.ledger import reports
from corebilling.ledger.domain.chart import DEFAULT_CHART
from corebilling.ledger.domain.posting import Posting, prepare
from corebilling.ledger.queries import journals as queries
from corebilling.ledger.schemas.reports import AccountOut, EntryFilter, EntryOut, TrialBalanceOut
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class LedgerService:
    """Posts journals and answers for them."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def post(
        self, tx: Tx, drafts: Sequence[JournalDraft], *, causes: Sequence[Envelope[Any] | None] | None = None
    ) -> list[UUID]:
        """Post journals of any tenants and answer their ids, in the order of the drafts; `causes` aligns with them.

        Everything is queued in two statements and an event each: a second journal for a document, or an account that
        is not in the chart, shows at the next read or at COMMIT. Raises `Invalid` for a draft that doesn't balance.
        """
        if not drafts:
            return []
        posted_at = self._clock()
        postings = [prepare(draft, new_id(), posted_at) for draft in drafts]
        await self._open_accounts(tx, [draft.tenant_id for draft in drafts], posted_at)
        await _write(tx, postings, posted_at)
        aligned = causes or [None] * len(postings)
        await emit(tx, [_posted(p, posted_at, cause) for p, cause in zip(postings, aligned, strict=True)])
        return [posting.journal_id for posting in postings]

    async def set_up(self, tx: Tx, tenant_id: UUID, currency: str) -> None:
        """Open a fresh tenant's accounts. They hold every currency; `currency` is the tenant's own."""
        await self._open_accounts(tx, [tenant_id], self._clock())

    async def accounts(self, tx: Tx, tenant_id: UUID) -> list[AccountOut]:
        """The tenant's chart of accounts, by code."""
        return await reports.accounts(tx, tenant_id)

    async def entries(
        self, tx: Tx, tenant_id: UUID, wanted: EntryFilter, *, before: tuple[UUID, int] | None, limit: int
    ) -> list[EntryOut]:
        """Entries with their journals, newest first, before the (journal, entry number) given."""
        return await reports.entries(tx, tenant_id, wanted, before, limit)

    async def trial_balance(self, tx: Tx, tenant_id: UUID, as_of: datetime | None) -> TrialBalanceOut:
        """Debits and credits of every account, by currency, of journals effective before `as_of` (None: all)."""
        return await reports.trial_balance(tx, tenant_id, as_of)

    async def _open_accounts(self, tx: Tx, tenant_ids: Sequence[UUID], created_at: datetime) -> None:
        await queries.open_accounts(
            tx.conn,
            created_at=created_at,
            tenant_ids=sorted(set(tenant_ids)),
            codes=[account.code for account in DEFAULT_CHART],
            names=[account.name for account in DEFAULT_CHART],
            kinds=[account.kind for account in DEFAULT_CHART],
        )


async def _write(tx: Tx, postings: Sequence[Posting], posted_at: datetime) -> None:
    drafts = [posting.draft for posting in postings]
    entries = [(p, no, entry) for p in postings for no, entry in enumerate(p.draft.entries, 1)]
    await queries.post_journals(
        tx.conn,
        posted_at=posted_at,
        tenant_ids=[draft.tenant_id for draft in drafts],
        journal_ids=[posting.journal_id for posting in postings],
        document_types=[draft.document_type for draft in drafts],
        document_ids=[draft.document_id for draft in drafts],
        currencies=[draft.currency for draft in drafts],
        totals_minor=[posting.total_minor for posting in postings],
        entry_counts=[len(draft.entries) for draft in drafts],
        effective_ats=[draft.effective_at for draft in drafts],
        descriptions=[draft.description for draft in drafts],
        digests=[posting.digest for posting in postings],
        entry_tenant_ids=[posting.draft.tenant_id for posting, _, _ in entries],
        entry_journal_ids=[posting.journal_id for posting, _, _ in entries],
        entry_nos=[no for _, no, _ in entries],
        accounts=[entry.account for _, _, entry in entries],
        entry_currencies=[posting.draft.currency for posting, _, _ in entries],
        amounts_minor=[entry.amount_minor for _, _, entry in entries],
        customer_ids=[entry.customer_id for _, _, entry in entries],
    )


def _posted(posting: Posting, posted_at: datetime, cause: Envelope[Any] | None) -> NewEvent:
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
