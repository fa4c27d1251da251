"""The usage context as others see it; each part is in a file of its own."""

from corebilling.usage.epochs import Epochs
from corebilling.usage.ingest import Ingest


class UsageService(Ingest, Epochs):
    """Meters, ingest, reading and epochs. `clock` is wall time; `clocks` knows the tenants' own."""
