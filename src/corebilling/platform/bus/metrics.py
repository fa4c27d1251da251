"""Metrics of the event backbone; autoscalers and canaries know them by these names."""

from prometheus_client import Counter, Gauge, Histogram

DISPATCHED = Counter("corebilling_outbox_dispatcher_dispatch", "Events that the bus has acknowledged")
DISPATCH_ERRORS = Counter(
    "corebilling_outbox_dispatcher_errors",
    "Publishes that failed: refused for their own sake, or the bus in trouble",
    ["kind"],
)
IN_FLIGHT = Gauge("corebilling_outbox_dispatcher_inflight", "Events claimed and not yet marked")
PENDING = Gauge("corebilling_outbox_dispatcher_pending", "Events waiting to be published in the shards held")
LAG_SECONDS = Gauge("corebilling_outbox_dispatcher_lag_seconds", "Age of the oldest event waiting to be published")
SHARDS_HELD = Gauge("corebilling_outbox_dispatcher_shards", "Shards that this dispatcher holds")
REPUBLISHED = Counter("corebilling_outbox_sweep_republished", "Dispatched events that a consumer never got, sent again")
ROUTER_IN_FLIGHT = Gauge("corebilling_event_router_inflight", "Messages pulled and not yet acknowledged")
HANDLE_SECONDS = Histogram(
    "corebilling_event_router_handle_duration_seconds",
    "One consumer's transaction over a group of events of one subject",
    ["consumer", "subject"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
HANDLED = Counter("corebilling_event_router_handled", "Events handled and committed", ["consumer"])
PARKED = Counter("corebilling_event_router_parked", "Events put aside after a failure, or behind one", ["consumer"])
PARKED_EVENTS = Gauge("corebilling_event_router_parked_events", "Events that wait for another attempt, or behind one")
DEAD_LETTERS = Counter("corebilling_event_router_dead_letters", "Events given up", ["consumer"])
REDELIVERED = Counter(
    "corebilling_event_router_duplicates", "Deliveries of events already taken charge of", ["consumer"]
)
CONSUMER_LAG = Gauge("billing_nats_consumer_lag", "Messages that the consumer group hasn't acknowledged")
