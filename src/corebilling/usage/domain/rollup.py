"""What a batch adds to the hourly rollups, and what it tells the others about."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from corebilling.events.usage import ReportedSeries
from corebilling.kernel.money import EXACT
from corebilling.usage.domain.attribution import Owner
from corebilling.usage.domain.meter import MeterReading
from corebilling.usage.domain.normalise import UsageRow


class HourTotal(msgspec.Struct, gc=False):
    """What a batch holds of one subscription and meter in one hour (UTC), with its first and last timestamp."""

    owner: Owner
    reading: MeterReading
    hour_at: datetime
    first_at: datetime
    last_at: datetime
    event_count: int
    value_sum: Decimal
    value_max: Decimal
    value_min: Decimal


def hour_totals(rows: Iterable[UsageRow]) -> list[HourTotal]:
    """The rows that count, by subscription, meter and hour. Sums are exact: the default precision of Decimal would round."""
    totals: dict[tuple[str, str, datetime], HourTotal] = {}
    for row in rows:
        if not row.counted:
            continue
        at, quantity = row.timestamp, row.quantity
        hour_at = at.replace(minute=0, second=0, microsecond=0)
        key = (row.owner.hex, row.reading.hex, hour_at)
        total = totals.get(key)
        if total is None:
            totals[key] = HourTotal(row.owner, row.reading, hour_at, at, at, 1, quantity, quantity, quantity)
            continue
        total.event_count += 1
        total.value_sum = EXACT.add(total.value_sum, quantity)
        total.value_max = max(total.value_max, quantity)
        total.value_min = min(total.value_min, quantity)
        total.first_at = min(total.first_at, at)
        total.last_at = max(total.last_at, at)
    return list(totals.values())


def reported_series(totals: Iterable[HourTotal]) -> list[ReportedSeries]:
    """The totals by subscription and meter, as other contexts are told of them."""
    series: dict[tuple[str, str], ReportedSeries] = {}
    for total in totals:
        key = (total.owner.hex, total.reading.hex)
        first_at, last_at, count = total.first_at, total.last_at, total.event_count
        if other := series.get(key):
            first_at, last_at, count = min(first_at, other.first_at), max(last_at, other.last_at), count + other.count
        subscription_id, meter_id = total.owner.attribution.subscription_id, total.reading.meter.id
        series[key] = ReportedSeries(subscription_id, meter_id, first_at, last_at, count)
    return list(series.values())
