"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.usage.api.bodies import REPORTED
from corebilling.usage.decode import CLOUD_EVENT, CLOUD_EVENTS, JSON
from corebilling.usage.schemas import MeterCreate
from corebilling.usage.schemas.corrections import BackfillCreate, EventAmend, EventVoid
from corebilling.usage.schemas.quotas import QuotaCreate, QuotaPatch, TenantQuotaPut
from corebilling.usage.schemas.rejections import RejectionsRetry

_EVENT = {
    "id": "req-0192f3",
    "source": "/gateway",
    "meter": "tokens",
    "customer_id": "acme",
    "timestamp": "2026-01-05T08:30:00Z",
    "properties": {"tokens": 1250, "model": "large"},
}
_CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "req-0192f4",
    "source": "/gateway",
    "type": "tokens",
    "subject": "acme",
    "time": "2026-01-05T08:31:00Z",
    "data": {"value": "1250", "properties": {"model": "large"}},
}

EXAMPLES: Mapping[Any, Any] = {
    REPORTED[JSON]: [_EVENT],
    REPORTED[CLOUD_EVENT]: _CLOUD_EVENT,
    REPORTED[CLOUD_EVENTS]: [_CLOUD_EVENT],
    MeterCreate: {
        "code": "tokens",
        "name": "Tokens",
        "unit": "token",
        "aggregation": "sum",
        "value_property": "tokens",
        "group_by": ["model"],
    },
    EventVoid: {"id": "req-0192f3", "source": "/gateway", "reason": "Load test, not the customer's traffic."},
    EventAmend: {
        "id": "req-0192f4",
        "source": "/gateway",
        "reason": "Counted in MB instead of GB.",
        "change": {"value": "1.5"},
    },
    BackfillCreate: {
        "meter": "data",
        "customer_id": "acme",
        "from": "2026-01-05T08:00:00Z",
        "to": "2026-01-05T12:00:00Z",
        "mode": "replace",
        "reason": "The gateway lost these hours; figures from its own log.",
        "events": [
            {"id": "log-1", "source": "/gateway", "timestamp": "2026-01-05T08:30:00Z", "value": "12.5"},
            {"id": "log-2", "source": "/gateway", "timestamp": "2026-01-05T11:59:59Z", "value": "0.25"},
        ],
    },
    RejectionsRetry: {"code": "unknown_meter"},
    QuotaCreate: {
        "customer_id": "acme",
        "meter": "tokens",
        "period": "month",
        "limit": "1000000",
        "mode": "soft",
        "warning_thresholds": ["0.8", "1"],
        "time_zone": "Europe/Paris",
    },
    QuotaPatch: {"limit": "2000000", "mode": "hard"},
    TenantQuotaPut: {
        "limits": [{"period": "day", "limit": "5000000"}, {"period": "month", "limit": "100000000", "mode": "soft"}]
    },
}
