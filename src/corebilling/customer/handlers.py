"""What customers' entitlements learn from subscriptions."""

from collections.abc import Sequence

from corebilling.customer.entitlements import EntitlementService
from corebilling.events.envelope import Envelope
from corebilling.events.subscription import (
    SubscriptionCanceled,
    SubscriptionCreated,
    SubscriptionPriceUpdated,
    SubscriptionStatusChanged,
    SubscriptionUpdated,
)
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx


async def on_subscription_created(
    service: EntitlementService, tx: Tx, events: Sequence[Envelope[SubscriptionCreated]]
) -> None:
    """A customer has a plan, from its start on."""
    await service.learn(tx, events)


async def on_subscription_updated(
    service: EntitlementService, tx: Tx, events: Sequence[Envelope[SubscriptionUpdated]]
) -> None:
    """The plan, the status and the end that a subscription has now."""
    await service.learn(tx, events)


async def on_subscription_status_changed(
    service: EntitlementService, tx: Tx, events: Sequence[Envelope[SubscriptionStatusChanged]]
) -> None:
    """The status that it has now."""
    await service.learn(tx, events)


async def on_subscription_canceled(
    service: EntitlementService, tx: Tx, events: Sequence[Envelope[SubscriptionCanceled]]
) -> None:
    """The end that was ordered."""
    await service.learn(tx, events)


async def on_subscription_price_updated(
    service: EntitlementService, tx: Tx, events: Sequence[Envelope[SubscriptionPriceUpdated]]
) -> None:
    """The prices that are paid from now on."""
    await service.learn(tx, events)


HANDLERS: HandlerTable[EntitlementService] = {
    SubscriptionCreated: on_subscription_created,
    SubscriptionUpdated: on_subscription_updated,
    SubscriptionStatusChanged: on_subscription_status_changed,
    SubscriptionCanceled: on_subscription_canceled,
    SubscriptionPriceUpdated: on_subscription_price_updated,
}
