"""The ledger: posting journals for documents, and reports."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from corebilling.events.envelope import Envelope
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import DocumentType, JournalDraft, PostedJournal
from corebilling.ledger import journal_reading, reports
from corebilling.ledger.domain.posting import earned_by, prepare
from corebilling.ledger.opening import KnownAccounts
from corebilling.ledger.ports import Customers, Tenants
from corebilling.ledger.queries import journals as queries
from corebilling.ledger.schemas.journals import JournalDetailOut, JournalOut
from corebilling.ledger.schemas.reports import AccountOut, DeferredRevenueOut, EntryFilter, EntryOut, TrialBalanceOut
from corebilling.ledger.writing import defer, posted, write
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx


class LedgerService:
    """Posts journals and answers for them."""

    def __init__(self, *, clock: Clock, tenants: Tenants, customers: Customers) -> None:
        self._clock = clock
        self._tenants = tenants
        self._customers = customers
        self._accounts = KnownAccounts()

    async def post(
        self, tx: Tx, drafts: Sequence[JournalDraft], *, causes: Sequence[Envelope[Any] | None] | None = None
    ) -> list[UUID]:
        """Post journals of any tenants and answer their ids, in the order of the drafts; `causes` aligns with them.

        What falls into a closed month takes effect at the first instant that is open; none of the tenants can close a month
        until this transaction is over. But for that question everything is queued, so that a second journal for a document,
        or an account that is not in the chart, shows at the next read or at COMMIT. Raises `Invalid` for a draft that
        doesn't balance, or whose deferrals aren't what it posts to Deferred revenue.
        """
        if not drafts:
            return []
        posted_at = self._clock()
        open_from = await self.enter(tx, {draft.tenant_id for draft in drafts})
        postings = [prepare(d, new_id(), posted_at, open_from=open_from.get(d.tenant_id)) for d in drafts]
        deferring = [posting for posting in postings if posting.draft.deferrals]
        tenants = await self._tenants.profiles(tx, {p.draft.tenant_id for p in deferring}) if deferring else {}
        used = {(p.draft.tenant_id, code) for p in postings for _, code, _, _ in p.lines}
        used |= {(p.draft.tenant_id, earned_by(item)) for p in deferring for item in p.draft.deferrals}
        await self._accounts.open(tx, used, posted_at)
        await write(tx, postings, posted_at)
        if deferring:
            await defer(tx, deferring, tenants)
        aligned = causes or [None] * len(postings)
        await emit(tx, [posted(p, posted_at, cause) for p, cause in zip(postings, aligned, strict=True)])
        return [posting.journal_id for posting in postings]

    async def enter(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, datetime]:
        """Hold the tenants' months open until this transaction is over; answers from when on those are open that closed any."""
        rows = await queries.enter(tx.conn, tenant_ids=sorted(set(tenant_ids)))
        return {row.tenant_id: row.open_from for row in rows if row.open_from is not None}

    async def accounts(self, tx: Tx, tenant_id: UUID, as_of: datetime | None = None) -> list[AccountOut]:
        """The tenant's chart of accounts, by code, with balances of journals effective before `as_of` (None: all)."""
        return await reports.accounts(tx, tenant_id, as_of)

    async def account(self, tx: Tx, tenant_id: UUID, code: str, as_of: datetime | None) -> AccountOut:
        """One account. Raises `NotFound`."""
        return await reports.account(tx, tenant_id, code, as_of)

    async def entries(
        self, tx: Tx, tenant_id: UUID, wanted: EntryFilter, *, before: tuple[UUID, int] | None, limit: int
    ) -> list[EntryOut]:
        """Entries with their journals, newest first, before the (journal, entry number) given."""
        customer_id = await self._customers.filter_id(tx, tenant_id, wanted.customer)
        return await reports.entries(tx, tenant_id, wanted, customer_id, before, limit)

    async def trial_balance(self, tx: Tx, tenant_id: UUID, as_of: datetime | None) -> TrialBalanceOut:
        """Debits and credits of every account, by currency, of journals effective before `as_of` (None: all)."""
        return await reports.trial_balance(tx, tenant_id, as_of)

    async def deferred_revenue(
        self, tx: Tx, tenant_id: UUID, currency: str | None, from_month: date | None, to_month: date | None
    ) -> DeferredRevenueOut:
        """What each month, given by its first day, earned and will earn of what was billed before it."""
        return await reports.deferred_revenue(tx, tenant_id, currency, from_month, to_month)

    async def journals(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        document_type: DocumentType | None = None,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> list[JournalOut]:
        """Journals, newest first."""
        return await journal_reading.journals(
            tx, tenant_id, document_type=document_type, from_at=from_at, to_at=to_at, before=before, limit=limit
        )

    async def journal(self, tx: Tx, tenant_id: UUID, journal_id: UUID) -> JournalDetailOut:
        """One journal with all of its parts. Raises `NotFound`."""
        return await journal_reading.journal(tx, tenant_id, journal_id)

    async def journals_of(
        self, tx: Tx, tenant_id: UUID, document_types: Sequence[DocumentType], document_ids: Sequence[UUID]
    ) -> list[PostedJournal]:
        """The journals of documents, for who must hold them against what they should be."""
        return await journal_reading.journals_of(tx, tenant_id, document_types, document_ids)
