"""Rows as answers."""

from collections.abc import Sequence
from typing import Any

from msgspec import convert

from corebilling.platform.secrets import SecretBox
from corebilling.webhook import sealed
from corebilling.webhook.domain import signing
from corebilling.webhook.domain.custom_headers import HIDDEN
from corebilling.webhook.queries import log, models
from corebilling.webhook.schemas import EndpointOut, EndpointWithSecret
from corebilling.webhook.schemas_log import AttemptOut, DeliveryDetail, DeliveryOut


def endpoint(row: models.WebhookEndpoint, box: SecretBox) -> EndpointOut:
    """Without its secret, its headers by name only."""
    return convert(_endpoint_fields(row, box), EndpointOut)


def endpoint_with_secret(row: models.WebhookEndpoint, box: SecretBox, secret: str) -> EndpointWithSecret:
    """With the secret, once."""
    return convert(_endpoint_fields(row, box) | {"secret": secret}, EndpointWithSecret)


def delivery(row: models.WebhookDelivery) -> DeliveryOut:
    """As lists show it."""
    return convert(_delivery_fields(row), DeliveryOut)


def delivery_detail(
    row: log.GetDeliveryRow, attempts: Sequence[log.ListAttemptsRow], header_names: Sequence[str]
) -> DeliveryDetail:
    """With body and attempts. `header_names` are the endpoint's own headers as they are now."""
    shown = [
        AttemptOut(
            id=attempt.attempt_id,
            attempted_at=attempt.attempted_at,
            duration_ms=attempt.duration_ms,
            url=attempt.url,
            request_headers=_request_headers(row, attempt, header_names),
            response_status=attempt.response_status,
            response_excerpt=attempt.response_excerpt,
            error=attempt.error,
        )
        for attempt in attempts
    ]
    return convert(_delivery_fields(row) | {"body": row.body, "attempts_log": shown}, DeliveryDetail)


def _request_headers(
    row: log.GetDeliveryRow, attempt: log.ListAttemptsRow, header_names: Sequence[str]
) -> dict[str, str] | None:
    if not attempt.signature:
        return None
    return signing.logged_headers(
        tenant_id=row.tenant_id,
        event_id=row.event_id,
        subject=row.subject,
        at=attempt.attempted_at,
        signature=attempt.signature,
        custom_names=header_names,
        traceparent=row.traceparent,
    )


def _endpoint_fields(row: models.WebhookEndpoint, box: SecretBox) -> dict[str, Any]:
    columns = (
        "url", "subjects", "description", "rate_limit", "max_concurrency", "retry_schedule", "signature",
        "previous_secret_until", "status", "disabled_reason", "disabled_at", "failing_since", "created_at", "updated_at",
    )  # fmt: skip
    names = sealed.header_names(row, box)
    return {name: getattr(row, name) for name in columns} | {
        "id": row.endpoint_id,
        "headers": None if names is None else dict.fromkeys(names, HIDDEN),
        "public_key": sealed.public_key(row, box),
    }


def _delivery_fields(row: models.WebhookDelivery | log.GetDeliveryRow) -> dict[str, Any]:
    names = (
        "endpoint_id", "event_id", "subject", "status", "attempts", "next_attempt_at", "last_status", "last_error",
        "created_at", "delivered_at",
    )  # fmt: skip
    return {"id": row.delivery_id} | {name: getattr(row, name) for name in names}
