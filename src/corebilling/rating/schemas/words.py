"""What several of rating's documents hold. Decimals are strings of plain digits."""

from typing import Annotated

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain

Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]


class PriceStep(msgspec.Struct):
    """One step: `quantity` x `unit_amount` + `flat_amount` = `amount`."""

    label: str
    quantity: str
    unit_amount: str
    flat_amount: str
    amount: str


def shown_step(step: DerivationStep) -> PriceStep:
    """A step on the wire."""
    return PriceStep(
        step.label, plain(step.quantity), plain(step.unit_amount), plain(step.flat_amount), plain(step.amount)
    )
