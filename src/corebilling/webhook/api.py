"""Routes of webhook endpoints and of the log of deliveries."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    QueryParameter,
    Response,
    after_id,
    delete,
    get,
    page,
    patch,
    post,
)
from corebilling.webhook.delivery_log import DeliveryFilter, DeliveryLog
from corebilling.webhook.domain.states import DeliveryStatus
from corebilling.webhook.examples import EXAMPLES
from corebilling.webhook.schemas import (
    EndpointCreate,
    EndpointOut,
    EndpointPatch,
    EndpointWithSecret,
    RequestedTest,
)
from corebilling.webhook.schemas_log import (
    DeliveryDetail,
    DeliveryOut,
    Redelivered,
    RedeliverFailed,
    RedeliverMatching,
)
from corebilling.webhook.service import WebhookService

SCOPE = "billing:write"

_Subject = Annotated[str | None, QueryParameter(description="A subject, or `invoice.*` for all below a word.")]
_Since = Annotated[datetime | None, QueryParameter(name="from", description="Begun at this instant or later.")]
_Before = Annotated[datetime | None, QueryParameter(name="to", description="Begun before this instant.")]


@post("/v1/webhook-endpoints", scope=SCOPE, summary="Create a webhook endpoint")
async def create_endpoint(
    data: EndpointCreate, edge: NamedDependency[Edge], webhook_service: NamedDependency[WebhookService]
) -> Response[EndpointWithSecret]:
    """The answer shows the signing secret, this once."""
    return await edge.command(
        lambda tx: webhook_service.create_endpoint(tx, edge.tenant_id, data), status=201, secret=True, noted=True
    )


@get("/v1/webhook-endpoints", scope=SCOPE, summary="List webhook endpoints")
async def list_endpoints(
    edge: NamedDependency[Edge],
    webhook_service: NamedDependency[WebhookService],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[EndpointOut]:
    """Newest first."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: webhook_service.list_endpoints(tx, edge.tenant_id, after=after, limit=limit + 1)
    )
    return page(found, limit, key=lambda endpoint: endpoint.id)


@get("/v1/webhook-endpoints/{endpoint_id:uuid}", scope=SCOPE, summary="Get a webhook endpoint")
async def get_endpoint(
    endpoint_id: UUID, edge: NamedDependency[Edge], webhook_service: NamedDependency[WebhookService]
) -> EndpointOut:
    """One endpoint, without its secret."""
    return await edge.query(lambda tx: webhook_service.get_endpoint(tx, edge.tenant_id, endpoint_id))


@patch("/v1/webhook-endpoints/{endpoint_id:uuid}", scope=SCOPE, summary="Change, disable or take up a webhook endpoint")
async def update_endpoint(
    endpoint_id: UUID,
    data: EndpointPatch,
    edge: NamedDependency[Edge],
    webhook_service: NamedDependency[WebhookService],
) -> Response[EndpointOut]:
    """Only the fields sent change; of `headers` only those named. `active` takes up an endpoint that was disabled."""
    return await edge.command(
        lambda tx: webhook_service.update_endpoint(tx, edge.tenant_id, endpoint_id, data), status=200, noted=True
    )


@delete("/v1/webhook-endpoints/{endpoint_id:uuid}", scope=SCOPE, summary="Delete a webhook endpoint")
async def delete_endpoint(
    endpoint_id: UUID, edge: NamedDependency[Edge], webhook_service: NamedDependency[WebhookService]
) -> Response[None]:
    """What was waiting for it is given up; the log of its deliveries stays."""
    return await edge.command(
        lambda tx: webhook_service.delete_endpoint(tx, edge.tenant_id, endpoint_id), status=204, noted=True
    )


@post(
    "/v1/webhook-endpoints/{endpoint_id:uuid}/rotate-secret", scope=SCOPE, status_code=200, summary="Rotate the secret"
)
async def rotate_secret(
    endpoint_id: UUID, edge: NamedDependency[Edge], webhook_service: NamedDependency[WebhookService]
) -> Response[EndpointWithSecret]:
    """Shows the new secret, this once, and the new public key. For 24 hours deliveries are signed with the old ones as well."""
    return await edge.command(
        lambda tx: webhook_service.rotate_secret(tx, edge.tenant_id, endpoint_id), status=200, secret=True, noted=True
    )


@post("/v1/webhook-endpoints/{endpoint_id:uuid}/test", scope=SCOPE, status_code=202, summary="Send a test event")
async def test_endpoint(
    endpoint_id: UUID, edge: NamedDependency[Edge], webhook_service: NamedDependency[WebhookService]
) -> Response[RequestedTest]:
    """Delivers `webhook.test` to this endpoint, whatever it asked for."""
    return await edge.command(lambda tx: webhook_service.test_endpoint(tx, edge.tenant_id, endpoint_id), status=202)


@post(
    "/v1/webhook-endpoints/{endpoint_id:uuid}/redeliver-failed",
    scope=SCOPE,
    status_code=202,
    summary="Deliver all that failed at an endpoint again",
)
async def redeliver_failed(
    endpoint_id: UUID, data: RedeliverFailed, edge: NamedDependency[Edge], delivery_log: NamedDependency[DeliveryLog]
) -> Response[Redelivered]:
    """Dead letters and what waits for a retry, begun since an instant, the oldest first. While `more` is true, ask again."""
    return await edge.command(
        lambda tx: delivery_log.redeliver_failed(tx, edge.tenant_id, endpoint_id, data), status=202, noted=True
    )


@get("/v1/webhook-deliveries", scope=SCOPE, summary="List deliveries")
async def list_deliveries(
    edge: NamedDependency[Edge],
    delivery_log: NamedDependency[DeliveryLog],
    endpoint_id: UUID | None = None,
    event_id: UUID | None = None,
    status: DeliveryStatus | None = None,
    subject: _Subject = None,
    since: _Since = None,
    before: _Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[DeliveryOut]:
    """Newest first. With the status `dead_letter` these are the dead letters."""
    after = after_id(cursor)
    wanted = DeliveryFilter(
        endpoint_id=endpoint_id, event_id=event_id, status=status, subject=subject, since=since, before=before
    )
    found = await edge.query(lambda tx: delivery_log.find(tx, edge.tenant_id, wanted, after=after, limit=limit + 1))
    return page(found, limit, key=lambda delivery: delivery.id)


@get("/v1/webhook-deliveries/{delivery_id:uuid}", scope=SCOPE, summary="Get a delivery with its attempts")
async def get_delivery(
    delivery_id: UUID, edge: NamedDependency[Edge], delivery_log: NamedDependency[DeliveryLog]
) -> DeliveryDetail:
    """One delivery, the body it sends and its latest attempts."""
    return await edge.query(lambda tx: delivery_log.get(tx, edge.tenant_id, delivery_id))


@post("/v1/webhook-deliveries/{delivery_id:uuid}/redeliver", scope=SCOPE, status_code=202, summary="Deliver again")
async def redeliver(
    delivery_id: UUID, edge: NamedDependency[Edge], delivery_log: NamedDependency[DeliveryLog]
) -> Response[DeliveryOut]:
    """At once, under the same event id, with all attempts before it."""
    return await edge.command(
        lambda tx: delivery_log.redeliver(tx, edge.tenant_id, delivery_id), status=202, noted=True
    )


@post("/v1/webhook-deliveries/redeliver", scope=SCOPE, status_code=202, summary="Deliver all that fit again")
async def redeliver_matching(
    data: RedeliverMatching, edge: NamedDependency[Edge], delivery_log: NamedDependency[DeliveryLog]
) -> Response[Redelivered]:
    """To active endpoints, the oldest first. While `more` is true, ask again."""
    return await edge.command(
        lambda tx: delivery_log.redeliver_matching(tx, edge.tenant_id, data), status=202, noted=True
    )


ROUTES = (
    create_endpoint,
    list_endpoints,
    get_endpoint,
    update_endpoint,
    delete_endpoint,
    rotate_secret,
    test_endpoint,
    redeliver_failed,
    list_deliveries,
    redeliver_matching,
    get_delivery,
    redeliver,
)

__all__ = ["EXAMPLES", "ROUTES"]
