"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.webhook.schemas import EndpointCreate, EndpointPatch

EXAMPLES: Mapping[Any, Any] = {
    EndpointCreate: {
        "url": "https://example.com/hooks",
        "subjects": ["invoice.*", "payment.succeeded"],
        "description": "the accounting system",
    },
    EndpointPatch: {"subjects": ["*"], "status": "active"},
}
"""By the type of the body."""
