"""Routes that change what is subscribed to, pause it, discount it, and end its trial."""

from uuid import UUID

from corebilling.platform.http import Edge, NamedDependency, Response, delete, get, post
from corebilling.subscription.schemas import (
    ChangeOrder,
    ChangePreviewOut,
    CouponOrder,
    PauseOrder,
    ScheduledChangesOut,
    SubscriptionOut,
)
from corebilling.subscription.service import SubscriptionService


@post("/v1/subscriptions/{subscription_ref:str}/change", scope="billing:write", summary="Change", status_code=200)
async def change_subscription(
    subscription_ref: str,
    data: ChangeOrder,
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
) -> Response[SubscriptionOut]:
    """Another plan, other quantities or prices, add-ons, a commitment: now, at renewal or at an instant ahead."""
    return await edge.command(
        lambda tx: subscription_service.change(tx, edge.tenant_id, subscription_ref, data), status=200
    )


@post(
    "/v1/subscriptions/{subscription_ref:str}/preview-change",
    scope="billing:read",
    summary="Preview a change",
    status_code=200,
)
async def preview_subscription_change(
    subscription_ref: str,
    data: ChangeOrder,
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
) -> ChangePreviewOut:
    """The exact lines that the change makes when it is billed at once; nothing is changed."""
    return await edge.query(lambda tx: subscription_service.preview_change(tx, edge.tenant_id, subscription_ref, data))


@get(
    "/v1/subscriptions/{subscription_ref:str}/scheduled-changes", scope="billing:read", summary="List scheduled changes"
)
async def list_scheduled_changes(
    subscription_ref: str, edge: NamedDependency[Edge], subscription_service: NamedDependency[SubscriptionService]
) -> ScheduledChangesOut:
    """The changes that are to come, in order; at most ten."""
    return ScheduledChangesOut(
        await edge.query(lambda tx: subscription_service.scheduled_changes(tx, edge.tenant_id, subscription_ref))
    )


@delete(
    "/v1/subscriptions/{subscription_ref:str}/scheduled-changes/{change_id:uuid}",
    scope="billing:write",
    summary="Delete a scheduled change",
    status_code=200,
)
async def delete_scheduled_change(
    subscription_ref: str,
    change_id: UUID,
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
) -> Response[SubscriptionOut]:
    """Until it begins. Later changes are put on top of what is left."""
    return await edge.command(
        lambda tx: subscription_service.call_off(tx, edge.tenant_id, subscription_ref, change_id), status=200
    )


@post("/v1/subscriptions/{subscription_ref:str}/pause", scope="billing:write", summary="Pause", status_code=200)
async def pause_subscription(
    subscription_ref: str,
    data: PauseOrder,
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
) -> Response[SubscriptionOut]:
    """Now or with the next period, until `resume_at` or until it is resumed."""
    return await edge.command(
        lambda tx: subscription_service.pause(tx, edge.tenant_id, subscription_ref, data), status=200
    )


@post("/v1/subscriptions/{subscription_ref:str}/resume", scope="billing:write", summary="Resume", status_code=200)
async def resume_subscription(
    subscription_ref: str, edge: NamedDependency[Edge], subscription_service: NamedDependency[SubscriptionService]
) -> Response[SubscriptionOut]:
    """Now; a pause that is only planned is called off."""
    return await edge.command(lambda tx: subscription_service.resume(tx, edge.tenant_id, subscription_ref), status=200)


@post("/v1/subscriptions/{subscription_ref:str}/end-trial", scope="billing:write", summary="End trial", status_code=200)
async def end_trial(
    subscription_ref: str, edge: NamedDependency[Edge], subscription_service: NamedDependency[SubscriptionService]
) -> Response[SubscriptionOut]:
    """Billing begins now, with or without a payment method."""
    return await edge.command(
        lambda tx: subscription_service.end_trial(tx, edge.tenant_id, subscription_ref), status=200
    )


@post(
    "/v1/subscriptions/{subscription_ref:str}/coupons", scope="billing:write", summary="Add a coupon", status_code=200
)
async def add_coupon(
    subscription_ref: str,
    data: CouponOrder,
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
) -> Response[SubscriptionOut]:
    """It discounts the running period and those that follow, as its duration says, after the coupons there are."""
    return await edge.command(
        lambda tx: subscription_service.add_coupon(tx, edge.tenant_id, subscription_ref, data), status=200
    )


@delete(
    "/v1/subscriptions/{subscription_ref:str}/coupons/{redemption_id:uuid}",
    scope="billing:write",
    summary="Remove a coupon",
    status_code=200,
)
async def remove_coupon(
    subscription_ref: str,
    redemption_id: UUID,
    edge: NamedDependency[Edge],
    subscription_service: NamedDependency[SubscriptionService],
) -> Response[SubscriptionOut]:
    """From the running period on."""
    return await edge.command(
        lambda tx: subscription_service.remove_coupon(tx, edge.tenant_id, subscription_ref, redemption_id), status=200
    )


ROUTES = (
    change_subscription,
    preview_subscription_change,
    list_scheduled_changes,
    delete_scheduled_change,
    pause_subscription,
    resume_subscription,
    end_trial,
    add_coupon,
    remove_coupon,
)
