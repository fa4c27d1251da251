"""Payloads that the webhook context publishes."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec


class WebhookTest(msgspec.Struct, frozen=True):
    """A test event, asked for by hand, for one endpoint."""

    endpoint_id: UUID
    message: str


class WebhookEndpointDisabled(msgspec.Struct, frozen=True):
    """Deliveries to an endpoint ended without anybody asking for it.

    `reason`: `gone` (the receiver answered 410) or `failing` (nothing got through since `failing_since`).
    """

    endpoint_id: UUID
    url: str
    reason: Literal["gone", "failing"]
    failing_since: datetime | None
    disabled_at: datetime
