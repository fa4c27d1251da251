"""Where usage comes in: the edge that opens the transactions of ingest."""

from collections.abc import Sequence
from uuid import UUID

from prometheus_client import Counter

from corebilling.platform.db import Database
from corebilling.usage.domain.event import ItemResult, Sent
from corebilling.usage.group_commit import GroupCommit
from corebilling.usage.service import UsageService

_EVENTS = Counter("corebilling_usage_events", "Usage events answered.", ["result"])
_COUNTERS = {status: _EVENTS.labels(status) for status in ("accepted", "duplicate", "rejected")}

FLUSHES_AT_ONCE = 2
"""Two keep both PostgreSQL and this process busy; with three, batches of a tenant wait for each other's rollups (measured)."""

BATCH_SIZE = 1_000
MAX_WAITING = 40_000


class UsageIntake:
    """Stores what requests bring, together with what others of the same tenant brought meanwhile."""

    def __init__(self, *, db: Database, service: UsageService) -> None:
        self._db = db
        self._service = service
        self._group: GroupCommit[Sent, ItemResult] = GroupCommit(
            self._flush, slots=FLUSHES_AT_ONCE, batch_size=BATCH_SIZE, max_waiting=MAX_WAITING
        )

    async def submit(self, tenant_id: UUID, sent: Sequence[Sent]) -> list[ItemResult]:
        """What became of each item, once it is committed. Raises Unavailable when too much is waiting."""
        return await self._group.submit(tenant_id, sent)

    async def _flush(self, tenant_id: UUID, sent: Sequence[Sent]) -> list[ItemResult]:
        async with self._db.tenant(tenant_id) as tx:
            results = await self._service.ingest(tx, tenant_id, sent)
        statuses: list[str] = [result.status for result in results]
        for status, counter in _COUNTERS.items():
            if count := statuses.count(status):
                counter.inc(count)
        return results
