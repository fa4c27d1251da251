"""How much was used: windows for rating, totals and lists for people."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import NotFound
from corebilling.kernel.usage import LateWindow
from corebilling.platform.db import Tx
from corebilling.usage.domain.attribution import Owners
from corebilling.usage.domain.cursor import Position
from corebilling.usage.domain.windows import Window, boundary_after, require_whole_hours
from corebilling.usage.measuring import Measuring
from corebilling.usage.ports import Clocks, Subscriptions
from corebilling.usage.queries import ingest as ingest_queries
from corebilling.usage.queries import meters as meter_queries
from corebilling.usage.queries import reading as queries
from corebilling.usage.schemas import RejectionOut, UsageEventOut, UsageTotalOut, UsageTotals

_MOST_WINDOWS = 10_000


class TotalsQuestion(msgspec.Struct, frozen=True):
    """Which usage to add up: of a subscription (id or external id), a meter (code), in `[start, end)`, by which window."""

    subscription: str
    meter: str
    start: datetime
    end: datetime
    window: Window


class EventFilter(msgspec.Struct, frozen=True):
    """Which events to list: of a subscription (id or external id), maybe of one meter and in `[start, end)`."""

    subscription: str
    meter: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Reading(Measuring):
    """Answers questions about stored usage."""

    def __init__(self, *, clock: Clock, clocks: Clocks, subscriptions: Subscriptions) -> None:
        super().__init__(clock=clock)
        self._clocks = clocks
        self._subscriptions = subscriptions

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

    async def totals(self, tx: Tx, tenant_id: UUID, asked: TotalsQuestion) -> UsageTotals:
        """Usage up to now, by window in UTC. Raises `NotFound`, and `Invalid` for instants that are no whole hours."""
        require_whole_hours(asked.start, asked.end, asked.window, _MOST_WINDOWS)
        subscription_id = await self._subscription(tx, tenant_id, asked.subscription)
        found = await meter_queries.find_meters(tx.conn, tenant_id=tenant_id, codes=[asked.meter])
        if not found:
            raise NotFound(f"there is no meter '{asked.meter}'; GET /v1/meters lists them", code="meter_not_found")
        meter = found[0]
        if meter.aggregation == "unique_count":
            different = await queries.count_different_by_window(
                tx.conn,
                tenant_id=tenant_id,
                subscription_id=subscription_id,
                meter_id=meter.id,
                step=asked.window,
                from_at=asked.start,
                to_at=asked.end,
                most=_MOST_WINDOWS,
            )
            quantities = [(row.start_at, row.different) for row in different]
        else:
            summed = await queries.sum_by_window(
                tx.conn,
                tenant_id=tenant_id,
                subscription_id=subscription_id,
                meter_id=meter.id,
                step=asked.window,
                from_at=asked.start,
                to_at=asked.end,
                most=_MOST_WINDOWS,
            )
            columns = {"count": "event_count", "sum": "value_sum", "max": "value_max"}
            quantities = [(row.start_at, getattr(row, columns[meter.aggregation])) for row in summed]
        data = [_total(start_at, quantity, asked) for start_at, quantity in quantities]
        return UsageTotals(subscription_id, meter.code, meter.unit, asked.window, data)

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

    async def rejections(
        self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int, code: str | None = None
    ) -> list[RejectionOut]:
        """What was refused, newest first."""
        rows = await ingest_queries.list_rejections(
            tx.conn, tenant_id=tenant_id, before_id=after, page_size=limit, code=code
        )
        return [msgspec.convert(row, RejectionOut, from_attributes=True) for row in rows]

    async def _subscription(self, tx: Tx, tenant_id: UUID, name: str) -> UUID:
        found = Owners(await self._subscriptions.attributions(tx, tenant_id, [name], [])).subscription(name)
        if found is None:
            raise NotFound(
                f"there is no subscription '{name}'; GET /v1/subscriptions lists them", code="subscription_not_found"
            )
        return found.attribution.subscription_id


def _total(start_at: datetime, quantity: Decimal, asked: TotalsQuestion) -> UsageTotalOut:
    end_at = asked.end if asked.window == "total" else boundary_after(start_at, asked.window)
    return UsageTotalOut(max(start_at, asked.start), min(end_at, asked.end), plain(quantity))


def _event(subscription_id: UUID, row: queries.ListEventsRow) -> UsageEventOut:
    properties = msgspec.Raw((row.properties or "null").encode())
    return UsageEventOut(
        row.event_id, row.source, subscription_id, row.meter, row.ts, row.received_at, plain(row.quantity), properties
    )
