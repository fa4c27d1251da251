"""What the scheduler learns from subscriptions."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.subscription import SubscriptionCanceled, SubscriptionCreated
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx
from corebilling.scheduler.service import SchedulerService


async def on_subscription_created(
    service: SchedulerService, tx: Tx, events: Sequence[Envelope[SubscriptionCreated]]
) -> None:
    """A calendar begins; a period that is over already is closed at once."""
    await service.start(tx, events)


async def on_subscription_canceled(
    service: SchedulerService, tx: Tx, events: Sequence[Envelope[SubscriptionCanceled]]
) -> None:
    """A calendar gets its end."""
    await service.end(tx, events)


HANDLERS: HandlerTable[SchedulerService] = {
    SubscriptionCreated: on_subscription_created,
    SubscriptionCanceled: on_subscription_canceled,
}
