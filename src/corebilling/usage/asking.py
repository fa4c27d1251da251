"""Windows with their meters as the columns of a statement, and the statements for what rollups can't answer."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from corebilling.kernel.usage import UsageWindow
from corebilling.platform.db import Tx
from corebilling.usage.domain.figures import quotient
from corebilling.usage.domain.meter import Meter
from corebilling.usage.queries import measuring as queries

FROM_EVENTS = ("unique_count", "latest", "percentile")
"""Aggregations that only the events can answer."""

_MICROSECOND = timedelta(microseconds=1)


class Asked(msgspec.Struct, frozen=True):
    """A window at its place among those asked for, and its meter."""

    place: int
    window: UsageWindow
    meter: Meter


def columns(asked: Sequence[Asked]) -> dict[str, Any]:
    """What every statement takes of the windows."""
    windows = [one.window for one in asked]
    return {
        "tenant_ids": [window.tenant_id for window in windows],
        "subscription_ids": [window.subscription_id for window in windows],
        "meter_ids": [window.meter_id for window in windows],
        "starts": [window.start for window in windows],
        "ends": [window.end for window in windows],
        "epochs": [window.epoch for window in windows],
    }


def kinds(asked: Sequence[Asked]) -> dict[str, Any]:
    """What statements take of the meters."""
    meters = [one.meter for one in asked]
    return {
        "aggregations": [meter.aggregation for meter in meters],
        "percentiles": [meter.percentile for meter in meters],
    }


async def from_events(tx: Tx, asked: Sequence[Asked]) -> list[tuple[int, Decimal]]:
    """Place and quantity of windows that the events have to be looked at for."""
    if not asked:
        return []
    quantities = await queries.look_at_events(tx.conn, **columns(asked), **kinds(asked))
    return [(one.place, quantity) for one, quantity in zip(asked, quantities, strict=True)]


async def weighted(tx: Tx, asked: Sequence[Asked]) -> list[tuple[int, Decimal]]:
    """Place and quantity of windows of weighted sums: value times seconds, by the seconds of the whole period."""
    levels = [one for one in asked if one.meter.weighted_by == "level"]
    changes = [one for one in asked if one.meter.weighted_by == "change"]
    held = await queries.weigh_levels(tx.conn, **columns(levels)) if levels else []
    moved = await queries.weigh_changes(tx.conn, **columns(changes)) if changes else []
    return [
        (one.place, quotient(value_seconds or Decimal(0), _whole_seconds(one.window)))
        for one, value_seconds in zip([*levels, *changes], [*held, *moved], strict=True)
    ]


def _whole_seconds(window: UsageWindow) -> Decimal:
    """The length of the billing period that the window is cut out of, else its own: elapsed time, whatever clocks do."""
    length = (window.whole_end or window.end) - (window.whole_start or window.start)
    return Decimal(length // _MICROSECOND).scaleb(-6)
