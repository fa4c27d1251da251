"""Takes due deliveries under a lease, one transaction at a time, within the limits that endpoints ask for over all workers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.platform.db import Database, Tx
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.queries import deliveries
from corebilling.webhook.queries.deliveries import ClaimDueRow, DescribeTargetsRow, LockLimitedRow

Place = tuple[UUID, UUID]

_NOWHERE: Place = (UUID(int=0), UUID(int=0))
_LOCKS = 200
"""Limited endpoints a claim: their locks share the server's lock table with everybody's."""
_SHORTEST_PACE_SECONDS = 0.05
"""Half the time in which a bucket fills, so that none of it is lost between two claims."""


class Claimed(msgspec.Struct, frozen=True):
    """What one claim took, and what of it goes where. Deliveries of deleted endpoints have no target.

    `more`: another claim is worth while at once. `again_seconds`: or then, when there may be tokens for what had to wait.
    """

    rows: Sequence[ClaimDueRow]
    targets: Mapping[UUID, DescribeTargetsRow]
    lease_until: datetime
    more: bool
    again_seconds: float | None


class Claims:
    """The claims of one worker, which go round: those who were left out come first the next time."""

    def __init__(self, db: Database, clock: Clock, config: DeliveryConfig) -> None:
        self._db = db
        self._clock = clock
        self._lease = config.lease
        self._after = _NOWHERE
        self._after_limited = _NOWHERE

    async def take(self, *, limit: int, rooms: Mapping[UUID, int], new_room: int, failing_room: int) -> Claimed:
        """At most `limit` deliveries: of endpoints that the worker knows as many as there is room for, of others as given."""
        at = self._clock()
        lease_until = at + self._lease
        async with self._db.system() as tx:
            limited = await deliveries.lock_limited(
                tx.conn,
                at=at,
                after_tenant_id=self._after_limited[0],
                after_endpoint_id=self._after_limited[1],
                lock_limit=_LOCKS,
            )
            rows = await deliveries.claim_due(
                tx.conn,
                after_tenant_id=self._after[0],
                after_endpoint_id=self._after[1],
                lane_endpoint_ids=list(rooms),
                lane_rooms=list(rooms.values()),
                limited_endpoint_ids=[row.endpoint_id for row in limited if row.ours],
                at=at,
                new_room=new_room,
                failing_room=failing_room,
                claim_limit=limit,
                lease_until=lease_until,
            )
            targets = await _describe(tx, rows)
            await _spend(tx, at, limited, rows)
        more = len(rows) == limit or self._after != _NOWHERE
        self._after = (rows[-1].tenant_id, rows[-1].endpoint_id) if len(rows) == limit else _NOWHERE
        cut = len(limited) == _LOCKS
        self._after_limited = (limited[-1].tenant_id, limited[-1].endpoint_id) if cut else _NOWHERE
        return Claimed(rows, targets, lease_until, more, _SHORTEST_PACE_SECONDS if cut else _again(limited))


async def _describe(tx: Tx, rows: Sequence[ClaimDueRow]) -> dict[UUID, DescribeTargetsRow]:
    if not rows:
        return {}
    places = {(row.tenant_id, row.endpoint_id) for row in rows}
    found = await deliveries.describe_targets(
        tx.conn, tenant_ids=[tenant for tenant, _ in places], endpoint_ids=[endpoint for _, endpoint in places]
    )
    return {row.endpoint_id: row for row in found}


async def _spend(tx: Tx, at: datetime, limited: Sequence[LockLimitedRow], rows: Sequence[ClaimDueRow]) -> None:
    paced = {row.endpoint_id for row in limited if row.rate_limit is not None}
    taken = Counter((row.tenant_id, row.endpoint_id) for row in rows if row.endpoint_id in paced) if paced else None
    if taken:
        await deliveries.spend_tokens(
            tx.conn,
            at=at,
            tenant_ids=[tenant_id for tenant_id, _ in taken],
            endpoint_ids=[endpoint_id for _, endpoint_id in taken],
            takens=list(taken.values()),
        )


def _again(limited: Sequence[LockLimitedRow]) -> float | None:
    """When the first of them may have a token; one that another worker is at has to be looked at again as well."""
    waits = [
        max(_SHORTEST_PACE_SECONDS, 1 / row.rate_limit) if row.ours and row.rate_limit else _SHORTEST_PACE_SECONDS
        for row in limited
        if row.rate_limit is not None or not row.ours
    ]
    return min(waits, default=None)
