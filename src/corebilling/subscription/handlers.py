"""What subscriptions do about events of others."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx
from corebilling.subscription.service import SubscriptionService


async def on_billing_cycle_closed(
    service: SubscriptionService, tx: Tx, events: Sequence[Envelope[BillingCycleClosed]]
) -> None:
    """A subscription whose last period has closed is canceled."""
    await service.close(tx, events)


HANDLERS: HandlerTable[SubscriptionService] = {BillingCycleClosed: on_billing_cycle_closed}
