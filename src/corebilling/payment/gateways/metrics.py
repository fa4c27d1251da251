"""Metrics of gateways. Labels are bounded: accounts show only while their breaker isn't closed."""

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter("corebilling_payment_attempts", "Calls made to payment gateways.", ["call", "result"])
CALL_DURATION = Histogram(
    "corebilling_payment_gateway_duration_seconds",
    "From the first byte of a gateway call to the last of its answer.",
    ["call"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
CALLS = Gauge("corebilling_payment_calls", "Calls that aren't at their end, of all tenants, up to 100,000.", ["state"])
BREAKERS = Gauge("corebilling_payment_breakers", "Gateway accounts that this worker knows, by state.", ["state"])
BREAKER_STATE = Gauge(
    "corebilling_payment_breaker_state",
    "1 open, 0.5 half open; closed breakers don't show.",
    ["account"],
)
NOTICES = Counter("corebilling_payment_notices", "Notices of payment gateways.", ["result"])
