"""Metrics of delivery, summed over tenants and endpoints: labels stay bounded."""

from prometheus_client import Counter, Gauge

SUCCESS = Counter("corebilling_webhook_delivery_success", "Deliveries that a receiver took")
FAILURE = Counter("corebilling_webhook_delivery_failure", "Attempts that failed, those of dead letters included")
DEAD = Counter("corebilling_webhook_delivery_dlq", "Deliveries given up")
PENDING = Gauge("corebilling_webhook_pending", "Deliveries not yet made nor given up, counted up to 100,000")
