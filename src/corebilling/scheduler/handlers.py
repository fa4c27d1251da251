"""What the scheduler learns from subscriptions."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.subscription import SubscriptionCanceled, SubscriptionCreated, SubscriptionScheduled
from corebilling.events.usage import UsageCorrected, UsageReported
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx
from corebilling.scheduler.service import SchedulerService


async def on_subscription_scheduled(
    service: SchedulerService, tx: Tx, events: Sequence[Envelope[SubscriptionScheduled]]
) -> None:
    """Calendars, end and wake-up of subscriptions, whole; a period that is over already is closed at once."""
    await service.learn(tx, events)


async def on_subscription_created(
    service: SchedulerService, tx: Tx, events: Sequence[Envelope[SubscriptionCreated]]
) -> None:
    """A calendar begins, of a subscription that was made before schedules were published."""
    if unscheduled := [event for event in events if not event.payload.scheduled]:
        await service.start(tx, unscheduled)


async def on_subscription_canceled(
    service: SchedulerService, tx: Tx, events: Sequence[Envelope[SubscriptionCanceled]]
) -> None:
    """A calendar gets its end."""
    await service.end(tx, events)


async def on_usage_reported(service: SchedulerService, tx: Tx, events: Sequence[Envelope[UsageReported]]) -> None:
    """What comes for a subscription that is over has no closing to wait for."""
    await service.note_usage(tx, events)


async def on_usage_corrected(service: SchedulerService, tx: Tx, events: Sequence[Envelope[UsageCorrected]]) -> None:
    """As with a report."""
    await service.note_usage(tx, events)


HANDLERS: HandlerTable[SchedulerService] = {
    SubscriptionScheduled: on_subscription_scheduled,
    SubscriptionCreated: on_subscription_created,
    SubscriptionCanceled: on_subscription_canceled,
    UsageReported: on_usage_reported,
    UsageCorrected: on_usage_corrected,
}
