"""Metrics of payments."""

from prometheus_client import Counter, Histogram

DURATION = Histogram(
    "corebilling_payment_duration_seconds",
    "Time to settle, post and record a payment, without the commit",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

OUTCOMES = Counter("corebilling_payment_outcomes_total", "Payments of gateways by what became of them", ["status"])
