"""What invoices do when others tell of something."""

from collections.abc import Sequence

from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.invoice.service import InvoiceService
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx


async def on_rating_completed(service: InvoiceService, tx: Tx, events: Sequence[Envelope[RatingCompleted]]) -> None:
    """A period's charges are final: invoice it."""
    await service.bill(tx, events)


HANDLERS: HandlerTable[InvoiceService] = {RatingCompleted: on_rating_completed}
