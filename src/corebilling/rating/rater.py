"""Rates a batch of periods of many tenants: a handful of questions to other contexts, then pure computation."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from corebilling.kernel.charge import BilledCharge, ChargeKind
from corebilling.kernel.contract import Contract
from corebilling.kernel.errors import DomainError
from corebilling.kernel.money import EXACT, to_minor
from corebilling.kernel.period import Period
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.usage import LateWindow, UsageWindow
from corebilling.platform.db import Tx
from corebilling.rating import store
from corebilling.rating.domain.engine import minor_amount, of_quantity, rate
from corebilling.rating.domain.price import stored
from corebilling.rating.domain.rating import (
    NOTHING_BILLED,
    Billed,
    Rated,
    RatingOrder,
    Unrateable,
    late_description,
    periods_of_hour,
)
from corebilling.rating.ports import Plans, Usage

Key = tuple[UUID, UUID]
BilledByPrice = Mapping[tuple[UUID, UUID, datetime], Mapping[UUID, Billed]]

_ONE = Decimal(1)


class Rater:
    """Turns orders into charges. It reads usage through its port, never from events, so no arrival order matters."""

    def __init__(self, *, plans: Plans, usage: Usage) -> None:
        self._plans = plans
        self._usage = usage

    async def rate(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> list[Rated | Unrateable]:
        """The charges of each order, in the same order. What can't be rated says why and holds up nobody else."""
        plan_keys = sorted({(c.tenant_id, c.plan_id) for c in contracts.values()})
        plans = await self._plans.plans(tx, plan_keys)
        late = await self._late_periods(tx, orders, contracts)
        billed = await store.billed_before(tx, [(*key, p.start) for key, periods in late.items() for p in periods])
        work = [_Work(order, contracts, plans, late.get(order.key, ()), billed) for order in orders]
        windows = list(dict.fromkeys(window for item in work for window in item.windows()))
        quantities = await self._usage.aggregate(tx, windows) if windows else []
        found = dict(zip(windows, quantities, strict=True))
        return [item.outcome(found) for item in work]

    async def _late_periods(
        self, tx: Tx, orders: Sequence[RatingOrder], contracts: Mapping[Key, Contract]
    ) -> dict[Key, list[Period]]:
        """The earlier periods of each subscription that got usage since they were billed."""
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
        return {key: sorted(by_start.values()) for key, by_start in periods.items()}


class _Work:
    """One order with what is known about it."""

    def __init__(
        self,
        order: RatingOrder,
        contracts: Mapping[Key, Contract],
        plans: Mapping[Key, PublishedPlan],
        late: Sequence[Period],
        billed: BilledByPrice,
    ) -> None:
        self.order = order
        self.contract = contracts.get(order.key)
        self.plan = plans.get((self.contract.tenant_id, self.contract.plan_id)) if self.contract else None
        self._billed = billed
        # A period without a final rating isn't late: its usage is rated with it.
        self._late = [p for p in late if (*order.key, p.start) in billed]

    def windows(self) -> Iterator[UsageWindow]:
        """All usage that this order needs to know."""
        for price in self.plan.prices if self.plan else ():
            if price.meter_id is not None:
                for period in (self.order.period, *self._late):
                    yield self._window(price.meter_id, period)

    def outcome(self, found: Mapping[UsageWindow, Decimal]) -> Rated | Unrateable:
        """The charges, or why there are none."""
        if self.contract is None:
            return Unrateable(self.order, "the subscription is unknown; check that it was created in this installation")
        if self.plan is None:
            return Unrateable(
                self.order, f"plan {self.contract.plan_id} is unknown; publish it again or change the plan"
            )
        try:
            charges = tuple(self._charges(self.contract, self.plan, found))
            total = sum(charge.amount_minor for charge in charges)
            to_minor(Decimal(total), "JPY")  # refuses a total beyond BIGINT
        except DomainError as error:
            return Unrateable(self.order, error.message)
        return Rated(self.order, self.contract, charges, total)

    def _charges(
        self, contract: Contract, plan: PublishedPlan, found: Mapping[UsageWindow, Decimal]
    ) -> Iterator[BilledCharge]:
        number = 0
        for price in plan.prices:
            number += 1
            if price.meter_id is None:
                yield self._charge(number, price, "recurring", _ONE, self.order.period, price.name)
            else:
                quantity = found[self._window(price.meter_id, self.order.period)]
                yield self._charge(number, price, "usage", quantity, self.order.period, price.name)
        for late in self._late:
            before = self._billed[(*self.order.key, late.start)]
            for price in plan.prices:
                if price.meter_id is None or price.price_id not in before:
                    continue
                quantity = found[self._window(price.meter_id, late)]
                text = late_description(price.name, late, contract.time_zone)
                line = self._charge(number + 1, price, "late_usage", quantity, late, text, before[price.price_id])
                if line.amount_minor > 0:
                    number += 1
                    yield line

    def _charge(
        self,
        number: int,
        price: PlanPrice,
        kind: ChargeKind,
        quantity: Decimal,
        period: Period,
        description: str,
        billed: Billed | None = None,
    ) -> BilledCharge:
        assert self.plan is not None
        already_minor = billed.amount_minor if billed else 0
        derivation = rate(
            stored(price.definition),
            of_quantity(quantity),
            epoch=self.order.epoch,
            already_billed_minor=already_minor,
        )
        return BilledCharge(
            charge_no=number,
            price_id=price.price_id,
            kind=kind,
            description=description,
            meter_code=price.meter_code,
            unit=price.unit,
            quantity=EXACT.subtract(quantity, billed.quantity) if billed else quantity,
            amount_minor=minor_amount(derivation, self.plan.currency),
            period_start=period.start,
            period_end=period.end,
            derivation=derivation,
        )

    def _window(self, meter_id: UUID, period: Period) -> UsageWindow:
        return UsageWindow(*self.order.key, meter_id, period.start, period.end, self.order.epoch)
