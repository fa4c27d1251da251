"""What every new tenant gets: a rate card to quote from. Apart from the service because tenants come before all else."""

from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import RateCard
from corebilling.platform.db import Tx
from corebilling.pricing import rate_card_rows
from corebilling.pricing.domain import default_card


class DefaultRateCards:
    """Gives a new tenant the default card."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def set_up(self, tx: Tx, tenant_id: UUID, currency: str) -> None:
        """The default card. It is in euros whatever the `currency`: its figures mean nothing in another."""
        card = RateCard(
            new_id(),
            default_card.CODE,
            default_card.NAME,
            default_card.CURRENCY,
            default_card.ORDER_AMOUNT,
            default_card.RULES,
        )
        await rate_card_rows.add(tx, tenant_id, card, rate_card_rows.Use(is_default=True), self._clock())
