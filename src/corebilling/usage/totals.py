"""Totals for people: a meter's usage of a customer or subscription by window, grouped if wanted."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from corebilling.kernel.clock import Clock
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError, Invalid, NotFound, invalid_field
from corebilling.kernel.period import zone
from corebilling.kernel.references import as_id
from corebilling.kernel.usage import UsageWindow
from corebilling.platform.db import Tx
from corebilling.usage.asking import FROM_EVENTS, Asked, weighted
from corebilling.usage.domain.attribution import Owners
from corebilling.usage.domain.figures import quotient
from corebilling.usage.domain.meter import Meter
from corebilling.usage.domain.windows import HOUR, Window, bounds, cut_hours, require_windows
from corebilling.usage.measuring import Measuring
from corebilling.usage.meters import meter_of
from corebilling.usage.ports import Clocks, Subscriptions
from corebilling.usage.queries import meters as meter_queries
from corebilling.usage.queries import totals as queries
from corebilling.usage.schemas import UsageTotalOut, UsageTotals

MOST_WINDOWS = 10_000
MOST_ROWS = 50_000
_EVERY_EPOCH = 2**62

Empty = Literal["omit", "zero"]


class TotalsQuestion(msgspec.Struct, frozen=True):
    """Which usage to add up: of a subscription or a customer (id or external id), a meter (code), in `[start, end)`.

    Windows are those of the wall clock of `time_zone`. `group_by` names a property that the meter groups by.
    """

    meter: str
    start: datetime
    end: datetime
    subscription: str | None = None
    customer: str | None = None
    window: Window = "total"
    time_zone: str = "UTC"
    group_by: str | None = None
    empty: Empty = "omit"


class _Series(msgspec.Struct, frozen=True):
    """A question made ready: what to look at and where the windows part."""

    tenant_id: UUID
    subscription_ids: list[UUID]
    meter: Meter
    bounds: list[datetime]
    group_place: int

    def columns(self) -> dict[str, Any]:
        """What every statement takes."""
        return {
            "tenant_id": self.tenant_id,
            "subscription_ids": self.subscription_ids,
            "meter_id": self.meter.id,
            "bounds": self.bounds,
            "from_at": self.bounds[0],
            "to_at": self.bounds[-1],
        }


_Found = list[tuple[int, str | None, Decimal]]
"""(window from 1, value of the group, quantity) of windows that hold something."""


class Totals(Measuring):
    """Adds usage up for people."""

    def __init__(self, *, clock: Clock, clocks: Clocks, subscriptions: Subscriptions) -> None:
        super().__init__(clock=clock)
        self._clocks = clocks
        self._subscriptions = subscriptions

    async def totals(self, tx: Tx, tenant_id: UUID, asked: TotalsQuestion) -> UsageTotals:
        """Usage recorded up to now, by window. Raises `NotFound`, and `Invalid` for what can't be answered so."""
        clock_zone = _zone(asked.time_zone)
        require_windows(asked.start, asked.end, asked.window, MOST_WINDOWS)
        found_meters = await meter_queries.find_meters(tx.conn, tenant_id=tenant_id, codes=[asked.meter])
        if not found_meters:
            raise NotFound(f"there is no meter '{asked.meter}'; GET /v1/meters lists them", code="meter_not_found")
        meter, unit = meter_of(found_meters[0]), found_meters[0].unit
        place = _group_place(meter, asked.group_by)
        subscription_id, customer_id, subscription_ids = await self._whose(tx, tenant_id, asked)
        between = bounds(asked.start, asked.end, asked.window, clock_zone)
        found = await _found(tx, _Series(tenant_id, subscription_ids, meter, between, place))
        data = _shown(found, between, asked)
        return UsageTotals(subscription_id, customer_id, meter.code, unit, asked.window, asked.time_zone, data)

    async def _whose(
        self, tx: Tx, tenant_id: UUID, asked: TotalsQuestion
    ) -> tuple[UUID | None, UUID | None, list[UUID]]:
        """The subscription's id, or the customer's with those of all its subscriptions."""
        if (asked.subscription is None) == (asked.customer is None):
            detail = "send subscription_id or customer_id, one of the two"
            names = ("subscription_id", "customer_id")
            fields = [FieldError(f"/query/{name}", detail) for name in names]
            raise Invalid(detail, code="invalid_value", fields=fields)
        if asked.subscription is not None:
            found = await self._subscription(tx, tenant_id, asked.subscription)
            return found, None, [found]
        name = asked.customer or ""
        owned = await self._subscriptions.attributions(tx, tenant_id, [], [name])
        # A name may look like an id: the id is meant then, as everywhere.
        mine = [one for one in owned if one.customer_id == as_id(name)] or owned
        if not mine:
            raise NotFound(
                f"there is no customer '{name}' with a subscription; GET /v1/customers lists customers",
                code="customer_not_found",
            )
        return None, mine[0].customer_id, sorted({one.subscription_id for one in mine})

    async def _subscription(self, tx: Tx, tenant_id: UUID, name: str) -> UUID:
        found = Owners(await self._subscriptions.attributions(tx, tenant_id, [name], [])).subscription(name)
        if found is None:
            raise NotFound(
                f"there is no subscription '{name}'; GET /v1/subscriptions lists them", code="subscription_not_found"
            )
        return found.attribution.subscription_id


async def _found(tx: Tx, series: _Series) -> _Found:
    """Each meter by the cheapest statement that is exact."""
    meter = series.meter
    if meter.aggregation == "weighted_sum":
        return await _held(tx, series)
    if meter.aggregation in FROM_EVENTS:
        looked = await queries.look_at_series(
            tx.conn,
            **series.columns(),
            epoch=_EVERY_EPOCH,
            group_place=series.group_place,
            aggregation=meter.aggregation,
            percentile=meter.percentile,
            most=MOST_ROWS + 1,
        )
        return [(row.place, row.label, row.quantity) for row in looked]
    if series.group_place or (meter.aggregation in ("max", "min") and await _has_voids(tx, series)):
        by_event = await queries.sum_up_events(
            tx.conn, **series.columns(), epoch=_EVERY_EPOCH, group_place=series.group_place, most=MOST_ROWS + 1
        )
        return [(row.place, row.label, _quantity(meter, row)) for row in by_event]
    cut = cut_hours(series.bounds)
    first, last = series.bounds[0], series.bounds[-1]
    summed = await queries.sum_up_series(
        tx.conn,
        **series.columns(),
        epoch=_EVERY_EPOCH,
        cut_hours=cut,
        cut_starts=[max(hour, first) for hour in cut],
        cut_ends=[min(hour + HOUR, last) for hour in cut],
    )
    return [(row.place, None, _quantity(meter, row)) for row in summed]


async def _has_voids(tx: Tx, series: _Series) -> bool:
    columns = {name: value for name, value in series.columns().items() if name != "bounds"}
    return bool(await queries.has_voids(tx.conn, **columns))


def _quantity(meter: Meter, row: queries.SumUpSeriesRow | queries.SumUpEventsRow) -> Decimal:
    if meter.aggregation == "count":
        return Decimal(row.event_count)
    if meter.aggregation == "avg":
        return quotient(row.value_sum, row.event_count)
    return {"max": row.value_max, "min": row.value_min}.get(meter.aggregation, row.value_sum)


async def _held(tx: Tx, series: _Series) -> _Found:
    """Weighted sums: each window weighted by its own length; subscriptions hold values of their own, which add up."""
    windows = list(pairwise(series.bounds))
    if len(windows) * len(series.subscription_ids) > MOST_WINDOWS:
        raise invalid_field(
            "/query/window",
            f"{len(series.subscription_ids)} subscriptions make that more than {MOST_WINDOWS} windows; "
            "ask for a coarser one or less time",
        )
    asked = [
        Asked(place, UsageWindow(series.tenant_id, owner, series.meter.id, start, end, _EVERY_EPOCH), series.meter)
        for owner in series.subscription_ids
        for place, (start, end) in enumerate(windows, start=1)
    ]
    sums: dict[int, Decimal] = {}
    for place, quantity in await weighted(tx, asked):
        sums[place] = sums.get(place, Decimal(0)) + quantity
    return [(place, None, quantity) for place, quantity in sorted(sums.items()) if quantity]


def _shown(found: _Found, between: Sequence[datetime], asked: TotalsQuestion) -> list[UsageTotalOut]:
    """Rows in order of time, then of the group's value, absent first; windows that hold nothing filled in if wanted."""
    known = {(place, label): quantity for place, label, quantity in found}
    if asked.empty == "zero":
        labels = {label for _, label in known} if asked.group_by else {None}
        places = range(1, len(between))
        _refuse_too_many(len(labels) * len(places))
        known = {(place, label): known.get((place, label), Decimal(0)) for place in places for label in labels}
    _refuse_too_many(len(known))
    rows = sorted(known.items(), key=lambda row: (row[0][0], row[0][1] is not None, row[0][1] or ""))
    return [
        UsageTotalOut(
            between[place - 1],
            between[place],
            plain(quantity),
            {asked.group_by: label} if asked.group_by else None,
        )
        for (place, label), quantity in rows
    ]


def _refuse_too_many(rows: int) -> None:
    if rows > MOST_ROWS:
        detail = f"that makes more than {MOST_ROWS} windows and groups; ask for a coarser window or less time"
        raise invalid_field("/query/group_by", detail)


def _zone(name: str) -> ZoneInfo:
    try:
        return zone(name)
    except Invalid as error:
        raise invalid_field("/query/time_zone", error.fields[0].detail, code=error.code) from None


def _group_place(meter: Meter, name: str | None) -> int:
    """Where the property stands in what the meter groups by, from 1; 0 without one."""
    if name is None:
        return 0
    if name not in meter.group_by:
        known = f"choose from {', '.join(meter.group_by)}" if meter.group_by else "it groups by none"
        raise invalid_field("/query/group_by", f"meter '{meter.code}' doesn't group by '{name}'; {known}")
    return meter.group_by.index(name) + 1
