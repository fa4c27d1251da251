"""What invoices do when others tell of something."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.payment import DunningEnded
from corebilling.events.rating import RatingCompleted
from corebilling.events.subscription import SubscriptionStatusChanged
from corebilling.invoice.service import InvoiceService
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx


async def on_rating_completed(service: InvoiceService, tx: Tx, events: Sequence[Envelope[RatingCompleted]]) -> None:
    """Charges are final: invoice them."""
    await service.bill(tx, events)


async def on_subscription_status_changed(
    service: InvoiceService, tx: Tx, events: Sequence[Envelope[SubscriptionStatusChanged]]
) -> None:
    """Who never paid owes nothing: the opening invoice of a subscription that expired is voided."""
    if expired := [event for event in events if event.payload.after == "expired"]:
        await service.void_openings(tx, expired)


async def on_dunning_ended(service: InvoiceService, tx: Tx, events: Sequence[Envelope[DunningEnded]]) -> None:
    """Collected in vain: the invoice is given up, where that is the tenant's last measure."""
    await service.end_collecting(tx, events)


HANDLERS: HandlerTable[InvoiceService] = {
    RatingCompleted: on_rating_completed,
    SubscriptionStatusChanged: on_subscription_status_changed,
    DunningEnded: on_dunning_ended,
}
