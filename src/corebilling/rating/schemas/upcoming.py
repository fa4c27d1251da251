"""What upcoming invoices look like on the wire. Decimals are strings of plain digits."""

from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.decimals import plain
from corebilling.rating.domain.engine import formula
from corebilling.rating.schemas.words import PriceStep, shown_step


class UpcomingLineOut(msgspec.Struct):
    """One line as it would stand now. `period_start` and `period_end` are the time it is for.

    `discount_minor` (0 or less) is its share of the discounts on this invoice, `note` says what the breakdown can't.
    """

    kind: str
    description: str
    price_id: UUID | None
    meter_code: str | None
    unit: str | None
    quantity: str
    amount_minor: int
    period_start: datetime
    period_end: datetime
    calculation: str
    already_billed_minor: int
    breakdown: list[PriceStep]
    item_id: UUID | None = None
    discount_minor: int = 0
    note: str | None = None


class UpcomingInvoiceOut(msgspec.Struct):
    """What closing the current period would bill with the usage that is there now. `epoch` is the watermark that was read.

    It holds the period's usage and fees, the next period's fees ahead, what changes left to settle, late usage,
    discounts and carried credits. `total_minor` leaves out what would go on a credit note.
    """

    subscription_id: UUID
    customer_id: UUID
    period_index: int
    period_start: datetime
    period_end: datetime
    currency: str
    total_minor: int
    epoch: int
    engine_version: str
    lines: list[UpcomingLineOut]


def shown_line(charge: BilledCharge) -> UpcomingLineOut:
    """A charge that isn't billed yet on the wire."""
    return UpcomingLineOut(
        kind=charge.kind,
        description=charge.description,
        price_id=charge.price_id,
        meter_code=charge.meter_code,
        unit=charge.unit,
        quantity=plain(charge.quantity),
        amount_minor=charge.amount_minor,
        period_start=charge.period_start,
        period_end=charge.period_end,
        calculation=formula(charge.derivation),
        already_billed_minor=charge.derivation.already_billed_minor,
        breakdown=[shown_step(step) for step in charge.derivation.steps],
        item_id=charge.item_id,
        discount_minor=charge.discount_minor,
        note=charge.derivation.note,
    )
