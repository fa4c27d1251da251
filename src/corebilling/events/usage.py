"""Payloads that the usage context publishes."""

from datetime import datetime
from uuid import UUID

import msgspec


class ReportedSeries(msgspec.Struct, frozen=True, array_like=False):
    """Events of one subscription and meter within a flush; both instants are the events' own timestamps."""

    subscription_id: UUID
    meter_id: UUID
    first_at: datetime
    last_at: datetime
    count: int


class UsageReported(msgspec.Struct, frozen=True):
    """Usage was accepted: one event per flush and tenant (at most 1,000 series each), never one per usage event."""

    flush_id: UUID
    series: list[ReportedSeries]
