"""Rejected usage: looking at it, and trying it again once its cause is mended."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.errors import NotFound, invalid_field
from corebilling.platform.db import Tx
from corebilling.usage.decode import decode_kept
from corebilling.usage.domain.event import ItemResult
from corebilling.usage.ingest import Ingest
from corebilling.usage.queries import rejections as queries
from corebilling.usage.schemas.rejections import MOST_RETRIED, RejectionOut, RejectionsRetry, RetriedOut, RetryAnswer


class RejectionFilter(msgspec.Struct, frozen=True):
    """Which rejections to list; the instants are those at which they were received first."""

    code: str | None = None
    resolved: bool | None = None
    start: datetime | None = None
    end: datetime | None = None


class Rejections(Ingest):
    """Lists rejected events and tries them again."""

    async def list_rejections(
        self, tx: Tx, tenant_id: UUID, wanted: RejectionFilter, *, after: UUID | None, limit: int
    ) -> list[RejectionOut]:
        """What was refused, newest first."""
        rows = await queries.list_rejections(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            code=wanted.code,
            resolved=wanted.resolved,
            from_at=wanted.start,
            to_at=wanted.end,
            page_size=limit,
        )
        return [msgspec.convert(row, RejectionOut, from_attributes=True) for row in rows]

    async def retry_rejection(self, tx: Tx, tenant_id: UUID, rejection_id: UUID) -> RetriedOut:
        """Try one again; what was taken before answers so once more. Raises `NotFound`."""
        return (await self._retry_these(tx, tenant_id, [rejection_id]))[0]

    async def retry_rejections(self, tx: Tx, tenant_id: UUID, data: RejectionsRetry) -> RetryAnswer:
        """Try up to 1,000 again, the oldest first. Raises `Invalid` without a clear choice, `NotFound` for unknown ids."""
        if [data.ids is not None, data.code is not None, data.all].count(True) != 1:
            raise invalid_field("/ids", "choose one of `ids`, `code` and `all`")
        if data.ids is not None:
            return _answer(await self._retry_these(tx, tenant_id, data.ids), more=False)
        rows = await queries.claim_open_rejections(tx.conn, tenant_id=tenant_id, code=data.code, most=MOST_RETRIED + 1)
        tried = [(row.id, row.event_id, row.item) for row in rows[:MOST_RETRIED]]
        return _answer(await self._retry(tx, tenant_id, tried), more=len(rows) > MOST_RETRIED)

    async def _retry_these(self, tx: Tx, tenant_id: UUID, ids: Sequence[UUID]) -> list[RetriedOut]:
        rows = await queries.claim_rejections(tx.conn, tenant_id=tenant_id, ids=sorted(set(ids)))
        if missing := sorted(set(ids) - {row.id for row in rows}):
            raise NotFound(
                f"there is no rejection {missing[0]}; GET /v1/usage/rejections lists them", code="rejection_not_found"
            )
        tried = [(row.id, row.event_id, row.item) for row in rows if row.outcome is None]
        results = {result.rejection_id: result for result in await self._retry(tx, tenant_id, tried)}
        return [results.get(row.id) or RetriedOut(row.id, row.event_id, "duplicate") for row in rows]

    async def _retry(self, tx: Tx, tenant_id: UUID, tried: Sequence[tuple[UUID, str | None, str]]) -> list[RetriedOut]:
        """Each goes through ingest as if it came now; those that fail again stay, with the new reason."""
        if not tried:
            return []
        sent = [decode_kept(item) for _, _, item in tried]
        results = await self.ingest(tx, tenant_id, sent, keeps=False)
        await queries.settle_rejections(
            tx.conn,
            tenant_id=tenant_id,
            tried_at=self._clock(),
            ids=[rejection_id for rejection_id, _, _ in tried],
            codes=[result.code for result in results],
            details=[result.detail for result in results],
            outcomes=[None if result.status == "rejected" else result.status for result in results],
        )
        return [_retried(*one) for one in zip(tried, results, strict=True)]


def _retried(tried: tuple[UUID, str | None, str], result: ItemResult) -> RetriedOut:
    rejection_id, event_id, _ = tried
    return RetriedOut(rejection_id, result.id or event_id, result.status, result.code, result.detail, result.pointer)


def _answer(items: list[RetriedOut], *, more: bool) -> RetryAnswer:
    statuses = [item.status for item in items]
    return RetryAnswer(statuses.count("accepted"), statuses.count("duplicate"), statuses.count("rejected"), more, items)
