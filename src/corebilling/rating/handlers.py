"""What rating does when others tell it something."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed, LateUsageSealed
from corebilling.events.subscription import SubscriptionInvoiceRequested, SubscriptionUpdated
from corebilling.events.usage import UsageCorrected, UsageReported
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx
from corebilling.rating.service import RatingService


async def on_usage_reported(service: RatingService, tx: Tx, events: Sequence[Envelope[UsageReported]]) -> None:
    """Live charges are out of date; the worker rates them after the debounce."""
    await service.live.note(tx, events)


async def on_usage_corrected(service: RatingService, tx: Tx, events: Sequence[Envelope[UsageCorrected]]) -> None:
    """As with a report: open periods are rated anew. What is closed is settled with the next closing."""
    await service.live.note(tx, events)


async def on_billing_cycle_closed(
    service: RatingService, tx: Tx, events: Sequence[Envelope[BillingCycleClosed]]
) -> None:
    """The period's charges become final. It reads usage through its port, so it may overtake `usage.reported`."""
    await service.closing.rate(tx, events)


async def on_subscription_updated(
    service: RatingService, tx: Tx, events: Sequence[Envelope[SubscriptionUpdated]]
) -> None:
    """What was used in the period costs what the subscription pays now: live charges are out of date."""
    await service.live.note_changes(tx, events)


async def on_subscription_invoice_requested(
    service: RatingService, tx: Tx, events: Sequence[Envelope[SubscriptionInvoiceRequested]]
) -> None:
    """What is due by then is billed before the period ends."""
    await service.interim.rate(tx, events)


async def on_billing_usage_sealed(service: RatingService, tx: Tx, events: Sequence[Envelope[LateUsageSealed]]) -> None:
    """What came after a subscription's last closing is billed for itself."""
    await service.late.rate(tx, events)


HANDLERS: HandlerTable[RatingService] = {
    UsageReported: on_usage_reported,
    UsageCorrected: on_usage_corrected,
    BillingCycleClosed: on_billing_cycle_closed,
    LateUsageSealed: on_billing_usage_sealed,
    SubscriptionUpdated: on_subscription_updated,
    SubscriptionInvoiceRequested: on_subscription_invoice_requested,
}
