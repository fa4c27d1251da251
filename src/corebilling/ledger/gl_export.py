"""Handing journals over to a general ledger outside: by period, or in numbered batches that hold each journal once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.period import local_month, zone
from corebilling.ledger.domain.gl_formats import ExportedEntry, ExportedJournal, Format, body, heading
from corebilling.ledger.ports import Tenants
from corebilling.ledger.queries import exports as queries
from corebilling.ledger.queries import reports
from corebilling.ledger.queries.models import Entry, GlBatch, Journal
from corebilling.ledger.schemas.exports import BatchOut, MappingOut
from corebilling.platform.db import Tx

PAGE = 1_000
"""Journals held in memory at a time."""

_FIRST_ID = UUID(int=0)
_LAST_NO = 2**62
_BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)

T = TypeVar("T")


Work = Callable[[Tx], Awaitable[T]]


class Reader(Protocol):
    """Runs a question in a transaction of its own: an export may take longer than one should last."""

    async def __call__(self, work: Work[T], /) -> T: ...


class Selection(msgspec.Struct, frozen=True):
    """What to export: the journals effective in `[start, end)`, or those of a batch."""

    start: datetime | None = None
    end: datetime | None = None
    batch_no: int | None = None


class GeneralLedgerExport:
    """Batches, account names of the ledger outside, and the text itself."""

    def __init__(self, *, clock: Clock, tenants: Tenants) -> None:
        self._clock = clock
        self._tenants = tenants

    async def month(self, tx: Tx, tenant_id: UUID, period: str, pointer: str = "/period") -> tuple[datetime, datetime]:
        """`2026-01` in the tenant's zone as instants. Raises `Invalid` at `pointer` for anything else."""
        return local_month(period, (await self._tenants.profiles(tx, [tenant_id]))[tenant_id].time_zone, pointer)

    async def create_batch(self, tx: Tx, tenant_id: UUID, period: str) -> BatchOut:
        """A batch of all journals of a month that are in none yet. Raises `Conflict` where there is nothing to take over."""
        start, end = await self.month(tx, tenant_id, period)
        await queries.lock_batches(tx.conn, tenant_id=str(tenant_id))
        row = await queries.add_batch(
            tx.conn, tenant_id=tenant_id, period_start=start, period_end=end, created_at=self._clock()
        )
        if row is None:
            raise Conflict(
                f"{period} has no journal that isn't in a batch already; list batches, or name another month",
                code="nothing_to_export",
            )
        return _shown(row)

    async def batches(self, tx: Tx, tenant_id: UUID, *, before: int | None, limit: int) -> list[BatchOut]:
        """Batches, the latest first."""
        rows = await queries.list_batches(tx.conn, tenant_id=tenant_id, before_no=before or _LAST_NO, page=limit)
        return [_shown(row) for row in rows]

    async def batch(self, tx: Tx, tenant_id: UUID, batch_no: int) -> BatchOut:
        """One batch. Raises `NotFound`."""
        row = await queries.get_batch(tx.conn, tenant_id=tenant_id, batch_no=batch_no)
        if row is None:
            raise NotFound(f"there is no export batch {batch_no}; list batches", code="batch_not_found")
        return _shown(row)

    async def mappings(self, tx: Tx, tenant_id: UUID) -> list[MappingOut]:
        """What accounts are called outside."""
        rows = await queries.mappings(tx.conn, tenant_id=tenant_id)
        return [MappingOut(row.account, row.external_account) for row in rows]

    async def name_accounts(self, tx: Tx, tenant_id: UUID, names: Mapping[str, str | None]) -> list[MappingOut]:
        """Name accounts for the ledger outside; None takes a name away. Raises `Invalid` for an account that isn't in the chart."""
        chart = {row.code for row in await reports.list_accounts(tx.conn, tenant_id=tenant_id)}
        for account in names:
            if account not in chart:
                raise invalid_field(
                    f"/accounts/{account}", f"'{account}' is not in the chart of accounts; list the accounts"
                )
        given = {account: name for account, name in names.items() if name is not None}
        await queries.put_mappings(
            tx.conn,
            tenant_id=tenant_id,
            accounts=sorted(given),
            external_accounts=[given[account] for account in sorted(given)],
            updated_at=self._clock(),
        )
        await queries.drop_mappings(tx.conn, tenant_id=tenant_id, accounts=sorted(set(names) - set(given)))
        return await self.mappings(tx, tenant_id)

    async def text(self, read: Reader, tenant_id: UUID, selection: Selection, kind: Format) -> AsyncIterator[bytes]:
        """The export, piece by piece."""
        names = await read(lambda tx: self._names(tx, tenant_id))
        local = await read(lambda tx: self._zone(tx, tenant_id))
        yield heading(kind, names.values()).encode()
        after = (_BEFORE_ALL, _FIRST_ID)
        while True:
            place = after
            page, entries = await read(lambda tx, place=place: _page(tx, tenant_id, selection, place))  # type: ignore[misc]
            if page:
                yield body(kind, [_exported(journal, entries, names, local) for journal in page]).encode()
            if len(page) < PAGE:
                return
            after = (page[-1].effective_at, page[-1].journal_id)

    async def _names(self, tx: Tx, tenant_id: UUID) -> dict[str, ExportedEntry]:
        outside = {row.account: row.external_account for row in await queries.mappings(tx.conn, tenant_id=tenant_id)}
        return {
            row.code: ExportedEntry(row.code, row.name, row.kind, outside.get(row.code), 0, None)
            for row in await reports.list_accounts(tx.conn, tenant_id=tenant_id)
        }

    async def _zone(self, tx: Tx, tenant_id: UUID) -> ZoneInfo:
        return zone((await self._tenants.profiles(tx, [tenant_id]))[tenant_id].time_zone)


async def _page(
    tx: Tx, tenant_id: UUID, selection: Selection, after: tuple[datetime, UUID]
) -> tuple[Sequence[Journal], dict[UUID, list[Entry]]]:
    if selection.batch_no is not None:
        page = await queries.batch_page(
            tx.conn, tenant_id=tenant_id, batch_no=selection.batch_no, after_id=after[1], page=PAGE
        )
    else:
        assert selection.start is not None
        assert selection.end is not None
        page = await queries.period_page(
            tx.conn,
            tenant_id=tenant_id,
            period_start=selection.start,
            period_end=selection.end,
            after_at=after[0],
            after_id=after[1],
            page=PAGE,
        )
    entries: dict[UUID, list[Entry]] = {journal.journal_id: [] for journal in page}
    for entry in await queries.entries_of(tx.conn, tenant_id=tenant_id, journal_ids=sorted(entries)):
        entries[entry.journal_id].append(entry)
    return page, entries


def _exported(
    journal: Journal, entries: Mapping[UUID, Sequence[Entry]], names: Mapping[str, ExportedEntry], local: ZoneInfo
) -> ExportedJournal:
    return ExportedJournal(
        journal_id=journal.journal_id,
        document_type=journal.document_type,
        document_id=journal.document_id,
        currency=journal.currency,
        day=journal.effective_at.astimezone(local).date(),
        effective_at=journal.effective_at,
        posted_at=journal.posted_at,
        description=journal.description,
        entries=tuple(
            msgspec.structs.replace(
                names[entry.account], amount_minor=entry.amount_minor, customer_id=entry.customer_id
            )
            for entry in entries[journal.journal_id]
        ),
    )


def _shown(row: GlBatch) -> BatchOut:
    return BatchOut(row.batch_no, row.period_start, row.period_end, row.journal_count, row.created_at)
