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


class UsageCorrected(msgspec.Struct, frozen=True):
    """Stored usage was put right. `kind` is `void`, `amend` or `backfill`; the series are what changed, old and new."""

    correction_id: UUID
    kind: str
    reason: str
    series: list[ReportedSeries]


class UsageQuotaWarning(msgspec.Struct, frozen=True):
    """A quota's warning threshold was crossed, once in a period. `used`, `limit` and `threshold` are decimals as text.

    `scope` is `tenant` (events) or `customer` (a meter's quantity).
    """

    quota_id: UUID
    scope: str
    customer_id: UUID | None
    meter_code: str | None
    limit: str
    used: str
    threshold: str
    period_start: datetime
    period_end: datetime


class UsageQuotaExceeded(msgspec.Struct, frozen=True):
    """A quota's limit was crossed, once in a period. `mode` says whether what is beyond it is refused (`hard`) or flagged (`soft`)."""

    quota_id: UUID
    scope: str
    customer_id: UUID | None
    meter_code: str | None
    limit: str
    used: str
    mode: str
    period_start: datetime
    period_end: datetime
