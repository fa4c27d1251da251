"""What subscriptions do about events of others."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.invoice import InvoicePaid
from corebilling.events.payment import DunningEnded, DunningStarted
from corebilling.events.scheduler import BillingCycleClosed, SubscriptionDue
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx
from corebilling.subscription.service import SubscriptionService


async def on_billing_subscription_due(
    service: SubscriptionService, tx: Tx, events: Sequence[Envelope[SubscriptionDue]]
) -> None:
    """A subscription does what has fallen due."""
    await service.wake(tx, events)


async def on_billing_cycle_closed(
    service: SubscriptionService, tx: Tx, events: Sequence[Envelope[BillingCycleClosed]]
) -> None:
    """A subscription whose last period has closed is canceled."""
    await service.close(tx, events)


async def on_invoice_paid(service: SubscriptionService, tx: Tx, events: Sequence[Envelope[InvoicePaid]]) -> None:
    """A subscription that waited for its first payment begins."""
    await service.first_payments(tx, events)


async def on_dunning_started(service: SubscriptionService, tx: Tx, events: Sequence[Envelope[DunningStarted]]) -> None:
    """A subscription whose invoice wasn't paid when it should have been is past due."""
    await service.dun(tx, events)


async def on_dunning_ended(service: SubscriptionService, tx: Tx, events: Sequence[Envelope[DunningEnded]]) -> None:
    """It is active again or, if nothing helped and the tenant wants it so, canceled."""
    await service.dun(tx, events)


HANDLERS: HandlerTable[SubscriptionService] = {
    SubscriptionDue: on_billing_subscription_due,
    BillingCycleClosed: on_billing_cycle_closed,
    InvoicePaid: on_invoice_paid,
    DunningStarted: on_dunning_started,
    DunningEnded: on_dunning_ended,
}
