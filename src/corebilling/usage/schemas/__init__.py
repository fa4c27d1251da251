"""What goes over the wire about meters and usage. Corrections, quotas and rejections have modules of their own here."""

from corebilling.usage.schemas.meters import MeterCreate, MeterFilter, MeterOut
from corebilling.usage.schemas.reporting import (
    CloudEvent,
    CloudEventData,
    UsageAnswer,
    UsageEventOut,
    UsageTotalOut,
    UsageTotals,
)

__all__ = [
    "CloudEvent",
    "CloudEventData",
    "MeterCreate",
    "MeterFilter",
    "MeterOut",
    "UsageAnswer",
    "UsageEventOut",
    "UsageTotalOut",
    "UsageTotals",
]
