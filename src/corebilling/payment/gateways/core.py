"""What calls ask of the payment core, and where they record: `PaymentService`."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from corebilling.payment.domain.outcome import Chargeable, Refundable
from corebilling.payment.ports import Key, Recording
from corebilling.platform.db import Tx


class Payments(Recording, Protocol):
    """Both ends of a call. In transactions of the router's role, before the call and after it."""

    async def chargeable(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, Chargeable]:
        """What to charge for pending payments; absent is what isn't to be charged any more."""
        ...

    async def refundable(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, Refundable]:
        """What to pay back for pending refunds; absent is what isn't to be paid back any more."""
        ...
