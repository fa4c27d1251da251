"""Earning what was billed ahead: at the end of each month of a tenant's zone, one journal for each currency."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Protocol
from uuid import UUID

from corebilling.kernel.accounts import DEFERRED_REVENUE
from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.kernel.journal import AccountBalance, EntryDraft, JournalDraft, PostedDocument
from corebilling.ledger.ports import SandboxClocks
from corebilling.ledger.queries import deferrals as queries
from corebilling.ledger.queries.deferrals import RecogniseRow
from corebilling.ledger.service import LedgerService
from corebilling.platform.db import Database, Tx
from corebilling.platform.narrowing import Aside, narrowed

_SHARES_AT_ONCE = 20_000
_LAST_INSTANT = timedelta(microseconds=1)
"""A month's journal takes effect at the last instant of it, so that its balances have it."""


class DueMonth(Protocol):
    """A month of a tenant that is over, and a currency in which it has something to earn."""

    @property
    def tenant_id(self) -> UUID: ...

    @property
    def month(self) -> date: ...

    @property
    def due_at(self) -> datetime: ...

    @property
    def currency(self) -> str: ...


class RevenueRecognition:
    """Posts what months earned. It goes by tenants' time; any number of processes may run it."""

    def __init__(self, *, clock: Clock, sandboxes: SandboxClocks, ledger: LedgerService) -> None:
        self._clock = clock
        self._sandboxes = sandboxes
        self._ledger = ledger
        self._aside: Aside[DueMonth] = Aside("earning what was deferred by tenant", _tenant)

    async def run(self, db: Database) -> int:
        """Post all that is due, in batches; answers how many months that were. Nothing while another process is at it.

        A tenant whose months can't be earned keeps no other from it.
        """
        done, busy = 0, False

        async def earn(months: Sequence[DueMonth]) -> None:
            nonlocal done, busy
            tenants = {month.tenant_id for month in months}
            async with db.tenants(tenants) as tx:
                busy = busy or not await queries.claim_recognition(tx.conn)
                if busy:
                    return
                await self._ledger.enter(tx, tenants)
                await self.recognise(tx, months)
            done += len(months)

        while not busy and (months := await self._find(db)):
            await narrowed(months, earn, blame=self._aside.put)
        return done

    async def recognise_until(self, tx: Tx, tenant_id: UUID, due_by: datetime) -> None:
        """Post what one tenant's months earned that ended by an instant."""
        await self.recognise(tx, await queries.due_months_of_tenant(tx.conn, tenant_id=tenant_id, due_by=due_by))

    async def recognise(self, tx: Tx, months: Sequence[DueMonth]) -> None:
        """Post what these months earned and wasn't posted yet. After `enter`: who closes a month waits for none of its rows."""
        if not months:
            return
        by_id = {new_id(): month for month in months}
        rows = await queries.recognise(
            tx.conn,
            recognition_ids=list(by_id),
            tenant_ids=[month.tenant_id for month in by_id.values()],
            due_ats=[month.due_at for month in by_id.values()],
            currencies=[month.currency for month in by_id.values()],
        )
        earned = {key: list(group) for key, group in groupby(rows, key=lambda row: row.recognition_id)}
        drafts = [_journal(by_id[key], key, group) for key, group in earned.items()]
        to_post = [draft for draft in drafts if draft.entries]
        ids = await self._ledger.post(tx, to_post)
        journals = {draft.document_id: journal_id for draft, journal_id in zip(to_post, ids, strict=True)}
        await queries.add_recognitions(
            tx.conn,
            recognised_at=self._clock(),
            tenant_ids=[draft.tenant_id for draft in drafts],
            recognition_ids=[draft.document_id for draft in drafts],
            months=[by_id[draft.document_id].month for draft in drafts],
            currencies=[draft.currency for draft in drafts],
            amounts_minor=[sum(row.amount_minor for row in group) for group in earned.values()],
            share_counts=[sum(row.share_count for row in group) for group in earned.values()],
            totals_minor=[sum(max(entry.amount_minor, 0) for entry in draft.entries) for draft in drafts],
            journal_ids=[journals.get(draft.document_id) for draft in drafts],
        )

    async def earliest_due(self, tx: Tx, tenant_id: UUID) -> datetime | None:
        """When the tenant has something to earn next, in its own time; it may be past."""
        return await queries.next_due(tx.conn, tenant_id=tenant_id)

    async def balances(self, tx: Tx) -> list[AccountBalance]:
        """What Deferred revenue (2400) must be, across tenants: what is still to be earned. For the proof."""
        rows = await queries.put_off_in_all(tx.conn)
        return [AccountBalance(row.tenant_id, row.currency, -int(row.amount_minor)) for row in rows]

    async def documents(
        self, tx: Tx, document_type: str, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """Recognitions that have a journal, across tenants, in the order of their keys: for the proof."""
        rows = await queries.recognitions_in_order(
            tx.conn, after_tenant_id=after[0], after_document_id=after[1], page=limit
        )
        return [PostedDocument(r.tenant_id, r.recognition_id, r.journal_id, r.currency, r.total_minor) for r in rows]

    async def _find(self, db: Database) -> list[DueMonth]:
        async with db.system() as tx:
            aside = self._aside.ids
            clocks = {item.tenant_id: item.now_at for item in await self._sandboxes.sandbox_clocks(tx)}
            found: list[DueMonth] = []
            found += await queries.due_months(
                tx.conn, now=self._clock(), clocked_ids=[*clocks, *aside], share_limit=_SHARES_AT_ONCE
            )
            clocks = {tenant_id: now for tenant_id, now in clocks.items() if tenant_id not in aside}
            if clocks:
                found += await queries.due_months_by_clock(
                    tx.conn, clocked_ids=list(clocks), clocks=list(clocks.values()), share_limit=_SHARES_AT_ONCE
                )
        return found


def _tenant(month: DueMonth) -> UUID:
    return month.tenant_id


def _journal(month: DueMonth, recognition_id: UUID, earned: Sequence[RecogniseRow]) -> JournalDraft:
    """Without entries where everything cancelled out."""
    total = sum(row.amount_minor for row in earned)
    entries = [EntryDraft(row.account, -row.amount_minor) for row in earned if row.amount_minor]
    if total:
        entries.insert(0, EntryDraft(DEFERRED_REVENUE, total))
    return JournalDraft(
        tenant_id=month.tenant_id,
        document_type="revenue_recognition",
        document_id=recognition_id,
        currency=month.currency,
        effective_at=month.due_at - _LAST_INSTANT,
        description=f"Revenue of {month.month:%Y-%m} that was billed before",
        entries=tuple(entries),
    )
