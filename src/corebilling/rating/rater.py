"""Rates a batch of periods of many tenants: a handful of questions to other contexts, then pure computation."""

from collections.abc import Iterator, Mapping, Sequence
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

        At most one order of a subscription.
        """
        results, work = await self._assess(tx, orders, contracts)
        late = await self._late(tx, orders, contracts)
        standing = await standing_of(tx, work)
        costs = await self._costs_of(tx, work)
        asked = [(item, list(item.read(costs, late.get(item.order.key, ())))) for item in work]
        figures = await self._measure(tx, [reading for _, found in asked for reading in found])
        modes = await self._tenants.profiles(tx, {tenant_id for tenant_id, _ in late}) if late else {}
        for item, found in asked:
            mode = modes[item.order.tenant_id].correction_mode if item.order.key in late else "next_invoice"
            mine = iter([next(figures) for _ in found])
            try:
                results[item.order.key] = item.of_period(mine, standing.get(item.order.key, {}), mode)
            except DomainError as error:
                results[item.order.key] = Unrateable(item.order, error.message)
        return [results[order.key] for order in orders]

    async def within_periods(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> list[Rated | Unrateable]:
        """What is due of fees by each order's `as_of`, within its period. At most one order of a subscription."""
        results, work = await self._assess(tx, orders, contracts)
        standing = await standing_of(tx, work)
        for item in work:
            try:
                results[item.order.key] = item.within_period(standing.get(item.order.key, {}))
            except DomainError as error:
                results[item.order.key] = Unrateable(item.order, error.message)
        return [results[order.key] for order in orders]

    async def _assess(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> tuple[dict[Key, Rated | Unrateable], list[Assessment]]:
        """What can be rated, and what can't be for want of a contract or a price."""
        offers = await self._prices.offers(tx, contracts.values())
        failed: dict[Key, Rated | Unrateable] = {}
        work = []
        for order in orders:
            contract = contracts.get(order.key)
            if contract is None:
                failed[order.key] = Unrateable(order, _UNKNOWN)
                continue
            try:
                work.append(Assessment(order, contract, offers))
            except DomainError as error:
                failed[order.key] = Unrateable(order, error.message)
        return failed, work

    async def _late(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> dict[Key, list[tuple[Period, store.BilledByItem]]]:
        """The earlier periods of each subscription that got usage since they were billed, with what was billed.

        A period without a final rating isn't late: its usage is rated with it.
        """
        windows = {
            order.key: LateWindow(*order.key, order.period.start, order.billed_epoch, order.epoch)
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
        late: dict[Key, list[tuple[Period, store.BilledByItem]]] = {}
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
    sinces = [(*item.order.key, since) for item in work if (since := item.standing_since) is not None]
    return await store.standing(tx, sinces) if sinces else {}
