"""What came in and when: late usage for rating, events for people."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.decimals import plain
from corebilling.kernel.usage import LateWindow
from corebilling.platform.db import Tx
from corebilling.usage.queries import reading as queries
from corebilling.usage.schemas import UsageEventOut
from corebilling.usage.totals import Totals

Position = tuple[datetime, UUID]
"""Where an event stands in the list: its timestamp and its key."""


class EventFilter(msgspec.Struct, frozen=True):
    """Which events to list: of a subscription (id or external id), maybe of one meter and in `[start, end)`."""

    subscription: str
    meter: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Reading(Totals):
    """Answers questions about stored usage."""

    async def late(self, tx: Tx, windows: Sequence[LateWindow]) -> list[tuple[UUID, UUID, datetime]]:
        """(tenant, subscription, hour) of usage that came after its period was sealed.

        Hours are whole ones in UTC: the hour that `before` divides is named too, whichever part of it was added to.
        """
        if not windows:
            return []
        rows = await queries.find_late(
            tx.conn,
            tenant_ids=[window.tenant_id for window in windows],
            subscription_ids=[window.subscription_id for window in windows],
            befores=[window.before for window in windows],
            after_epochs=[window.after_epoch for window in windows],
            epochs=[window.epoch for window in windows],
        )
        return [(row.tenant_id, row.subscription_id, row.hour_at) for row in rows]

    async def events(
        self, tx: Tx, tenant_id: UUID, wanted: EventFilter, *, after: Position | None, limit: int
    ) -> list[tuple[UsageEventOut, Position]]:
        """A subscription's events, the latest timestamp first, each with its place in the list. Raises `NotFound`."""
        subscription_id = await self._subscription(tx, tenant_id, wanted.subscription)
        rows = await queries.list_events(
            tx.conn,
            tenant_id=tenant_id,
            subscription_id=subscription_id,
            meter=wanted.meter,
            from_at=wanted.start,
            to_at=wanted.end,
            after_ts=after[0] if after else None,
            after_key=after[1] if after else None,
            page_size=limit,
        )
        return [(_event(subscription_id, row), (row.ts, row.key)) for row in rows]


def _event(subscription_id: UUID, row: queries.ListEventsRow) -> UsageEventOut:
    return UsageEventOut(
        id=row.event_id,
        source=row.source,
        subscription_id=subscription_id,
        meter=row.meter,
        timestamp=row.ts,
        received_at=row.received_at,
        quantity=plain(row.quantity),
        properties=msgspec.Raw((row.properties or "null").encode()),
        counted=row.counted,
        voided=row.voided,
    )
