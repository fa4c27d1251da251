"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.webhook.schemas import EndpointCreate, EndpointPatch
from corebilling.webhook.schemas_log import RedeliverFailed, RedeliverMatching

EXAMPLES: Mapping[Any, Any] = {
    EndpointCreate: {
        "url": "https://example.com/hooks",
        "subjects": ["invoice.*", "payment.succeeded"],
        "description": "the accounting system",
        "headers": {"Authorization": "Bearer token-of-our-gateway"},
        "rate_limit": 50,
        "max_concurrency": 4,
        "retry_schedule": [5, 300, 1800, 7200, 18000, 36000, 36000],
        "signature": "both",
    },
    EndpointPatch: {"subjects": ["*"], "status": "active", "headers": {"X-Team": "billing"}, "rate_limit": None},
    RedeliverFailed: {"since": "2026-03-01T00:00:00Z"},
    RedeliverMatching: {"subject": "invoice.*", "since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"},
}
"""By the type of the body."""
