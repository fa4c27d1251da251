"""The prices behind contracts, remembered: a published plan version never changes, nor does a price."""

from collections.abc import Iterable
from uuid import UUID

from corebilling.kernel.contract import Contract
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.platform.db import Tx
from corebilling.rating.domain.timeline import Key, Offer, Offers
from corebilling.rating.ports import Plans

_MOST = 20_000
"""So many plans, and so many prices, a process remembers."""


class PriceBook:
    """Asks for what it doesn't know yet, once for a whole batch."""

    def __init__(self, plans: Plans) -> None:
        self._source = plans
        self._plans: dict[Key, PublishedPlan] = {}
        self._prices: dict[Key, PlanPrice] = {}
        self._all_of_plan: dict[tuple[UUID, UUID, str], tuple[Offer, ...]] = {}

    async def offers(self, tx: Tx, contracts: Iterable[Contract]) -> Offers:
        """What these contracts' items cost; what is unknown is missing in it."""
        for known in (self._plans, self._prices, self._all_of_plan):
            if len(known) > _MOST:
                known.clear()
        plans: set[Key] = set()
        prices: set[Key] = set()
        for contract in contracts:
            for phase in contract.phases:
                if phase.items is None:
                    plans.add((contract.tenant_id, phase.plan_id))
                else:
                    prices.update((contract.tenant_id, item.price_id) for item in phase.items)
        if unknown := sorted(plans - self._plans.keys()):
            self._plans.update(await self._source.plans(tx, unknown))
        if unknown := sorted(prices - self._prices.keys()):
            self._prices.update(await self._source.prices(tx, unknown))
        return Offers(self._plans, self._prices, self._all_of_plan)
