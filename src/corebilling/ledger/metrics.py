"""Metrics of the ledger."""

from prometheus_client import Gauge

MISMATCH = Gauge(
    "corebilling_ledger_mismatch",
    "Documents and journals that disagree, and currencies that don't add up to 0, at the last proof",
)
