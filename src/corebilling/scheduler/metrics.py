"""How far behind the scheduler is."""

from prometheus_client import Counter, Gauge

QUEUE_DEPTH = Gauge("corebilling_worker_queue_depth", "Work that is due and not yet done", ["queue"])
CLOSED = Counter("corebilling_billing_cycles_closed", "Billing cycles closed")
