"""The usage context as others see it; each part is in a file of its own."""

from corebilling.usage.backfill import Backfills
from corebilling.usage.epochs import Epochs
from corebilling.usage.rejections import Rejections


class UsageService(Backfills, Rejections, Epochs):
    """Meters, ingest, quotas, corrections, reading and epochs. `clock` is wall time; `clocks` knows the tenants' own."""
