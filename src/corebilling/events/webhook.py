"""Payloads that the webhook context publishes."""

from uuid import UUID

import msgspec


class WebhookTest(msgspec.Struct, frozen=True):
    """A test event, asked for by hand, for one endpoint."""

    endpoint_id: UUID
    message: str
