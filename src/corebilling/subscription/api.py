"""Routes of subscriptions."""

from corebilling.platform.db import Tx
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    get,
    page,
    post,
)
from corebilling.subscription.domain.states import SubscriptionStatus
from corebilling.subscription.schemas import (
    CancelOrder,
    SubscriptionBatch,
    SubscriptionBatchOut,
    SubscriptionCreate,
    SubscriptionOut,
)
from corebilling.subscription.service import SubscriptionService


@post("/v1/subscriptions", scope="billing:write", summary="Create a subscription")
async def create_subscription(
    data: SubscriptionCreate, edge: NamedDependency[Edge], subscription_service: NamedDependency[SubscriptionService]
) -> Response[SubscriptionOut]:
    """The plan must be in the customer's currency; periods follow the calendar of the customer's time zone."""
    return await edge.command(lambda tx: subscription_service.create(tx, edge.tenant_id, data), status=201)


@post("/v1/subscriptions/batch", scope="billing:write", summary="Create up to 1,000 subscriptions")
async def create_subscriptions(
    data: SubscriptionBatch, edge: NamedDependency[Edge], subscription_service: NamedDependency[SubscriptionService]
) -> Response[SubscriptionBatchOut]:
    """All of them or none; errors point at the items, as in `/items/3/plan`."""

    async def create(tx: Tx) -> SubscriptionBatchOut:
        return SubscriptionBatchOut(await subscription_service.create_batch(tx, edge.tenant_id, data.items))

    return await edge.command(create, status=201)


@get("/v1/subscriptions", scope="billing:read", summary="List subscriptions")
async def list_subscriptions(
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
    customer_id: str | None = None,
    plan: str | None = None,
    external_id: str | None = None,
    status: SubscriptionStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[SubscriptionOut]:
    """Newest first; `customer_id` is an id or external id, `plan` a code or id."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: subscription_service.find(
            tx,
            edge.tenant_id,
            after=after,
            limit=limit + 1,
            customer=customer_id,
            plan=plan,
            external_id=external_id,
            status=status,
        )
    )
    return page(found, limit, key=lambda subscription: subscription.id)


@get("/v1/subscriptions/{subscription_ref:str}", scope="billing:read", summary="Get a subscription")
async def get_subscription(
    subscription_ref: str, edge: NamedDependency[Edge], subscription_service: NamedDependency[SubscriptionService]
) -> SubscriptionOut:
    """By id or external id."""
    return await edge.query(lambda tx: subscription_service.get(tx, edge.tenant_id, subscription_ref))


@post("/v1/subscriptions/{subscription_ref:str}/cancel", scope="billing:write", summary="Cancel", status_code=200)
async def cancel_subscription(
    subscription_ref: str,
    data: CancelOrder,
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
) -> Response[SubscriptionOut]:
    """The running period is billed as ever, and none comes after it."""
    return await edge.command(
        lambda tx: subscription_service.cancel(tx, edge.tenant_id, subscription_ref, data), status=200
    )


ROUTES = (create_subscription, create_subscriptions, list_subscriptions, get_subscription, cancel_subscription)
