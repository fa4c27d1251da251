"""What periods cost by themselves, now and with other prices: the same engine as bills them, with nothing billed before.

A period's own cost is its fees (whenever they are charged), its usage, minimums, what it falls short of its commitment, less
its coupons. Credits that are carried over and corrections of other periods belong to invoices, not to prices.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from corebilling.kernel.contract import Contract
from corebilling.kernel.period import Period
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.usage import UsageFigures, UsageQuestion
from corebilling.rating.domain.bill import Bill, fixed_step
from corebilling.rating.domain.commitment import add_commitment
from corebilling.rating.domain.discounts import add_discounts
from corebilling.rating.domain.fees import add_one_off, fees_within
from corebilling.rating.domain.metered import Reading, add_usage, readings
from corebilling.rating.domain.timeline import Covered, Offers, coverage

_INSTANT = timedelta(microseconds=1)


def changed_offers(
    offers: Offers, tenant_id: UUID, contracts: Sequence[Contract], definitions: Mapping[UUID, str]
) -> Offers:
    """The offers behind a tenant's contracts with other definitions of some prices, by price id.

    Overrides of single subscriptions stay.
    """

    def priced(price: PlanPrice) -> PlanPrice:
        definition = definitions.get(price.price_id)
        return price if definition is None else msgspec.structs.replace(price, definition=definition)

    def planned(plan: PublishedPlan) -> PublishedPlan:
        return msgspec.structs.replace(plan, prices=tuple(map(priced, plan.prices)))

    plans = {(tenant_id, phase.plan_id) for c in contracts for phase in c.phases if phase.items is None}
    prices = {(tenant_id, price_id) for price_id in definitions}
    return Offers(
        {key: planned(offers.plans[key]) for key in plans if key in offers.plans},
        {**offers.prices, **{key: priced(offers.prices[key]) for key in prices if key in offers.prices}},
        {},
    )


def periods_within(contract: Contract, start: datetime, before: datetime) -> Iterator[Period]:
    """The contract's periods that begin in `[start, before)`."""
    ends_at = contract.ends_at
    if contract.starts_at >= before or (ends_at is not None and ends_at <= max(start, contract.starts_at)):
        return
    period = contract.period_at(max(start, contract.starts_at))
    if period.start < start:
        period = contract.period(period.index + 1)
    while period.start < before and (ends_at is None or period.start < ends_at):
        yield period
        period = contract.period(period.index + 1)


class Case(msgspec.Struct, frozen=True):
    """One period of a contract with the items of then, by the old prices and by the new ones."""

    contract: Contract
    period: Period
    old: Sequence[Covered]
    new: Sequence[Covered]
    epoch: int

    def questions(self) -> Iterator[UsageQuestion]:
        """All that has to be known of its usage, for either."""
        for times in (self.old, self.new):
            for reading in self._readings(times):
                yield reading.question

    def totals_minor(self, found: Mapping[UsageQuestion, UsageFigures]) -> tuple[int, int]:
        """What it costs by the old prices and by the new ones. Raises `Invalid` for usage that can't be rated."""
        return self._total_minor(self.old, found), self._total_minor(self.new, found)

    def _total_minor(self, times: Sequence[Covered], found: Mapping[UsageQuestion, UsageFigures]) -> int:
        bill = Bill(self.contract, self.period, self.epoch)
        started: set[UUID] = set()
        for covered in times:
            if covered.item.item_id not in started or covered.price.kind != "one_off":
                _add_fee(bill, covered)
            started.add(covered.item.item_id)  # a one-off that comes back after a pause was paid for at its start
        for reading in self._readings(times):
            used = found[reading.question]
            add_usage(bill, reading, used, used)
        add_commitment(bill, times)
        add_discounts(bill, {})
        return bill.total_minor

    def _readings(self, times: Sequence[Covered]) -> Iterator[Reading]:
        return readings(self.contract, times, self.period, self.epoch, {})


def cases(
    contract: Contract,
    old: Offers,
    new: Offers,
    changed: Mapping[UUID, str],
    span: tuple[datetime, datetime],
    epoch: int,
) -> list[Case]:
    """The periods that begin in the span and in which a changed price is paid. Raises `Invalid` for what has no price."""
    times = coverage(contract, old)
    touched = [covered for covered in times if covered.price.price_id in changed and covered.item.definition is None]
    if not touched:
        return []
    new_times = coverage(contract, new)
    return [
        Case(contract, period, times, new_times, epoch)
        for period in periods_within(contract, *span)
        if any(_is_paid_in(covered, period) for covered in touched)
    ]


def _is_paid_in(covered: Covered, period: Period) -> bool:
    if covered.price.kind == "one_off":
        return period.start <= covered.start < period.end
    return covered.start < period.end and (covered.end is None or covered.end > period.start)


def _add_fee(bill: Bill, covered: Covered) -> None:
    """An item's fee for the bill's period: what of a longer term falls into it."""
    if covered.price.kind == "one_off":
        if _is_paid_in(covered, bill.period):
            add_one_off(bill, covered, bill.period.end - _INSTANT, {})
    elif covered.price.kind == "recurring":
        owed_minor = fees_within(bill, [covered])
        if owed_minor:
            derivation = bill.derived("fee", (fixed_step(covered.price.name, bill.major(owed_minor)),))
            bill.add_item(
                "recurring", covered, covered.price.name, covered.item.quantity, owed_minor, bill.period.start,
                bill.period.end, derivation,
            )  # fmt: skip
