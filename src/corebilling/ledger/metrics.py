"""Metrics of the ledger."""

from prometheus_client import Gauge

MISMATCH = Gauge(
    "corebilling_ledger_mismatch",
    "Documents and journals that disagree, and currencies that don't add up to 0, at the last proof",
)

BROKEN_SEALS = Gauge("corebilling_ledger_broken_seals", "Faults in the chains of sealed journals, at the last check")
UNSEALED = Gauge("corebilling_ledger_unsealed_journals", "Journals that no block held yet, at the last check")
