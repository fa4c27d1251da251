"""Who pays for which item from when until when, as a contract was known at an instant."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.contract import Contract, Item, Phase
from corebilling.kernel.errors import Invalid
from corebilling.kernel.period import Period
from corebilling.kernel.plan import PlanPrice, PublishedPlan

Key = tuple[UUID, UUID]
Offer = tuple[Item, PlanPrice]


class Covered(msgspec.Struct):
    """An item's time in `[start, end)`; `end` None is open.

    `kept`: what was charged ahead for the term in which it ends isn't given back. `deferred`: it took the place of one
    that was kept, so it is charged ahead from its next term on.
    """

    item: Item
    price: PlanPrice
    start: datetime
    end: datetime | None
    kept: bool = False
    deferred: bool = False


class Offers(msgspec.Struct, frozen=True):
    """The prices behind contracts: those of plans in each currency, and single ones, by tenant."""

    plans: Mapping[Key, PublishedPlan]
    prices: Mapping[Key, PlanPrice]
    all_of_plan: dict[tuple[UUID, UUID, str], tuple[Offer, ...]]

    def of(self, contract: Contract, phase: Phase) -> tuple[Offer, ...]:
        """The items of a phase with their prices. Raises `Invalid` naming what is unknown."""
        if phase.items is None:
            return self._of_plan(contract, phase)
        found = []
        for item in phase.items:
            price = self.prices.get((contract.tenant_id, item.price_id))
            if price is None:
                raise Invalid(
                    f"price {item.price_id} is unknown; publish it again or change the subscription",
                    code="unknown_price",
                )
            found.append((item, price))
        return tuple(found)

    def _of_plan(self, contract: Contract, phase: Phase) -> tuple[Offer, ...]:
        key = (contract.tenant_id, phase.plan_id, contract.currency)
        found = self.all_of_plan.get(key)
        if found is None:
            plan = self.plans.get(key[:2])
            if plan is None:
                raise Invalid(
                    f"plan {phase.plan_id} is unknown; publish it again or change the plan", code="unknown_plan"
                )
            if plan.prices and not plan.sold_in(contract.currency):
                raise Invalid(
                    f"plan {plan.code} has no prices in {contract.currency}; add them in a new version",
                    code="currency_not_sold",
                )
            found = tuple((Item(p.price_id, p.price_id), p) for p in plan.prices_in(contract.currency))
            self.all_of_plan[key] = found
        return found


def known_at(contract: Contract, at: datetime) -> Contract:
    """The contract without what begins after `at`: what is scheduled may still be called off, so nobody pays for it yet.

    The end of the contract counts as soon as it is known: nothing is charged ahead beyond it.
    """
    phases, calendars = contract.phases, contract.calendars
    if not phases or (phases[-1].starts_at <= at and calendars[-1].starts_at <= at):
        return contract
    begun = [phase for phase in phases if phase.starts_at <= at] or [phases[0]]
    if len(begun) < len(phases):
        begun[-1] = msgspec.structs.replace(begun[-1], ends_at=None)
    return msgspec.structs.replace(
        contract,
        phases=tuple(begun),
        calendars=tuple(c for c in calendars if c.starts_at <= at) or calendars[:1],
    )


def coverage(contract: Contract, offers: Offers) -> list[Covered]:
    """The time of every item, in the order in which they begin. An item that goes on from phase to phase has one time.

    Raises `Invalid` for what has no price.
    """
    if len(contract.phases) == 1:
        (only,) = contract.phases
        return [
            Covered(item, price, contract.starts_at, contract.ends_at, not only.credit_unused)
            for item, price in offers.of(contract, only)
        ]
    found: list[Covered] = []
    running: dict[UUID, Covered] = {}
    before: Phase | None = None
    for phase in contract.phases:
        start, end = max(phase.starts_at, contract.starts_at), _earlier(phase.ends_at, contract.ends_at)
        if end is not None and end <= start:
            continue
        deferred = before is not None and not before.credit_unused and before.items != ()
        going_on: dict[UUID, Covered] = {}
        for item, price in offers.of(contract, phase):
            covered = running.get(item.item_id)
            if covered is None or covered.end != start:
                covered = Covered(item, price, start, end, deferred=deferred)
                found.append(covered)
            covered.end, covered.kept = end, not phase.credit_unused
            going_on[item.item_id] = covered
        running, before = going_on, phase
    return found


def is_cut(contract: Contract, period: Period) -> bool:
    """Whether the period may be shorter than its calendar has it: cheap, and never wrong where it says no."""
    calendar = contract.calendars[0]
    return (
        len(contract.calendars) > 1
        or (contract.ends_at is not None and contract.ends_at <= period.end)
        or (period.index == calendar.first_index and calendar.anchor_at < calendar.starts_at)
    )


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
