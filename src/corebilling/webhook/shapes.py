"""Rows as answers."""

from collections.abc import Sequence
from typing import Any

from msgspec import convert

from corebilling.webhook.queries import deliveries, models
from corebilling.webhook.schemas import AttemptOut, DeliveryDetail, DeliveryOut, EndpointOut, EndpointWithSecret


def endpoint(row: models.WebhookEndpoint) -> EndpointOut:
    """Without its secret."""
    return convert(_endpoint_fields(row), EndpointOut)


def endpoint_with_secret(row: models.WebhookEndpoint, secret: str) -> EndpointWithSecret:
    """With the secret, once."""
    return convert(_endpoint_fields(row) | {"secret": secret}, EndpointWithSecret)


def delivery(row: models.WebhookDelivery) -> DeliveryOut:
    """As lists show it."""
    return convert(_delivery_fields(row), DeliveryOut)


def delivery_detail(row: deliveries.GetDeliveryRow, attempts: Sequence[models.WebhookAttempt]) -> DeliveryDetail:
    """With body and attempts."""
    log = [
        AttemptOut(
            id=attempt.attempt_id,
            attempted_at=attempt.attempted_at,
            duration_ms=attempt.duration_ms,
            response_status=attempt.response_status,
            response_excerpt=attempt.response_excerpt,
            error=attempt.error,
        )
        for attempt in attempts
    ]
    return convert(_delivery_fields(row) | {"body": row.body, "attempts_log": log}, DeliveryDetail)


def _endpoint_fields(row: models.WebhookEndpoint) -> dict[str, Any]:
    names = ("url", "subjects", "description", "status", "disabled_reason", "failing_since", "created_at", "updated_at")
    return {"id": row.endpoint_id} | {name: getattr(row, name) for name in names}


def _delivery_fields(row: models.WebhookDelivery | deliveries.GetDeliveryRow) -> dict[str, Any]:
    names = (
        "endpoint_id", "event_id", "subject", "status", "attempts", "next_attempt_at", "last_status", "last_error",
        "created_at", "delivered_at",
    )  # fmt: skip
    return {"id": row.delivery_id} | {name: getattr(row, name) for name in names}
