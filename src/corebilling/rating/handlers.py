"""What rating does when others tell it something."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.scheduler import BillingCycleClosed
from corebilling.events.usage import UsageReported
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx
from corebilling.rating.service import RatingService


async def on_usage_reported(service: RatingService, tx: Tx, events: Sequence[Envelope[UsageReported]]) -> None:
    """Live charges are out of date; the worker rates them after the debounce."""
    await service.live.note(tx, events)


async def on_billing_cycle_closed(
    service: RatingService, tx: Tx, events: Sequence[Envelope[BillingCycleClosed]]
) -> None:
    """The period's charges become final. It reads usage through its port, so it may overtake `usage.reported`."""
    await service.closing.rate(tx, events)


HANDLERS: HandlerTable[RatingService] = {
    UsageReported: on_usage_reported,
    BillingCycleClosed: on_billing_cycle_closed,
}
