"""Rates a batch of periods of many tenants: a handful of questions to other contexts, then pure computation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from corebilling.kernel.contract import Contract
from corebilling.kernel.errors import DomainError
from corebilling.kernel.period import Period
from corebilling.kernel.usage import LateWindow, UsageFigures, UsageQuestion
from corebilling.platform.db import Tx
from corebilling.rating import store
from corebilling.rating.domain.assessment import Assessment
from corebilling.rating.domain.metered import Costs, Reading
from corebilling.rating.domain.rating import NOTHING_BILLED, Rated, RatingOrder, Unrateable, periods_of_hour
from corebilling.rating.ports import OperatorCosts, Plans, Tenants, Usage
from corebilling.rating.pricebook import PriceBook

Key = tuple[UUID, UUID]
Late = tuple[Period, store.BilledByItem]
"""An earlier period that got usage since it was billed, with what was billed of it."""

_UNKNOWN = "the subscription is unknown; check that it was created in this installation"


class Rater:
    """Turns orders into charges. It reads usage through its port, never from events, so no arrival order matters."""

    def __init__(self, *, plans: Plans, usage: Usage, costs: OperatorCosts, tenants: Tenants) -> None:
        self._prices = PriceBook(plans)
        self._usage = usage
        self._costs = costs
        self._tenants = tenants

    async def rate(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> list[Rated | Unrateable]:
        """The charges of each order's period, in the same order. What can't be rated says why and holds up nobody else.

        Of a subscription's orders only one may look for late usage: the one whose `billed_epoch` is set.
        """
        work = await self._assess(tx, orders, contracts)
        sound = [item for item in work if isinstance(item, Assessment)]
        late = await self._late(tx, orders, contracts)
        standing = await standing_of(tx, sound)
        costs = await self._costs_of(tx, sound)
        asked = [list(item.read(costs, _late_of(item, late))) for item in sound]
        figures = await self._measure(tx, [reading for found in asked for reading in found])
        answers = {id(item): [next(figures) for _ in found] for item, found in zip(sound, asked, strict=True)}
        modes = await self._tenants.profiles(tx, {tenant_id for tenant_id, _ in late}) if late else {}

        def rated(item: Assessment) -> Rated:
            key = item.order.key
            mode = modes[key[0]].correction_mode if key in late else "next_invoice"
            return item.of_period(iter(answers[id(item)]), standing.get(key, {}), mode)

        return [_outcome(item, rated) for item in work]

    async def within_periods(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> list[Rated | Unrateable]:
        """What is due of fees by each order's `as_of`, within its period, in the order of the orders."""
        work = await self._assess(tx, orders, contracts)
        standing = await standing_of(tx, [item for item in work if isinstance(item, Assessment)])
        return [_outcome(item, lambda sound: sound.within_period(standing.get(sound.order.key, {}))) for item in work]

    async def _assess(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> list[Assessment | Unrateable]:
        """What can be rated, and what can't be for want of a contract or a price."""
        offers = await self._prices.offers(tx, contracts.values())

        def assessed(order: RatingOrder) -> Assessment | Unrateable:
            contract = contracts.get(order.key)
            if contract is None:
                return Unrateable(order, _UNKNOWN)
            try:
                return Assessment(order, contract, offers)
            except DomainError as error:
                return Unrateable(order, error.message)

        return [assessed(order) for order in orders]

    async def _late(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> dict[Key, list[Late]]:
        """The earlier periods of each subscription that got usage since they were billed, with what was billed.

        A period without a final rating isn't late: its usage is rated with it.
        """
        windows = {
            order.key: LateWindow(*order.key, order.late_before, order.billed_epoch, order.epoch)
            for order in orders
            if NOTHING_BILLED < order.billed_epoch < order.epoch and order.key in contracts
        }
        if not windows:
            return {}
        periods: dict[Key, dict[datetime, Period]] = {}
        for tenant_id, subscription_id, hour_at in await self._usage.late(tx, list(windows.values())):
            key = (tenant_id, subscription_id)
            for earlier in periods_of_hour(contracts[key], hour_at, windows[key].before):
                periods.setdefault(key, {})[earlier.start] = earlier
        billed = await store.billed_before(tx, [(*key, start) for key, found in periods.items() for start in found])
        late: dict[Key, list[Late]] = {}
        for key, found in periods.items():
            for start in sorted(found):
                if (*key, start) in billed:
                    late.setdefault(key, []).append((found[start], billed[*key, start]))
        return late

    async def _costs_of(self, tx: Tx, work: Sequence[Assessment]) -> Costs:
        meters = {(item.order.tenant_id, meter_id) for item in work for meter_id in item.meters}
        return await self._costs.operator_costs(tx, sorted(meters)) if meters else {}

    async def _measure(self, tx: Tx, readings: Sequence[Reading]) -> Iterator[tuple[UsageFigures, UsageFigures]]:
        """For each reading the figures that its price and its cost ask for, in one question."""
        questions: list[UsageQuestion] = [reading.question for reading in readings]
        questions += [reading.cost for reading in readings if reading.cost is not None]
        found = await self._usage.measure(tx, questions) if questions else []
        priced, costed = iter(found[: len(readings)]), iter(found[len(readings) :])
        return (
            (used, used if reading.cost is None else next(costed))
            for reading, used in zip(readings, priced, strict=True)
        )


async def standing_of(tx: Tx, work: Sequence[Assessment]) -> dict[Key, store.StandingByItem]:
    """The standing charges that these ratings must know; no question where none does."""
    sinces: dict[Key, datetime] = {}
    for item in work:
        since = item.standing_since
        if since is not None:
            sinces[item.order.key] = min(since, sinces.get(item.order.key, since))
    return await store.standing(tx, [(*key, since) for key, since in sinces.items()]) if sinces else {}


def _late_of(item: Assessment, late: Mapping[Key, list[Late]]) -> Sequence[Late]:
    return late.get(item.order.key, ()) if item.order.billed_epoch > NOTHING_BILLED else ()


def _outcome(item: Assessment | Unrateable, rated: Callable[[Assessment], Rated]) -> Rated | Unrateable:
    if isinstance(item, Unrateable):
        return item
    try:
        return rated(item)
    except DomainError as error:
        return Unrateable(item.order, error.message)
