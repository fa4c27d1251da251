"""Usage: what to ask for each item of a period, and the charges that the answers make, now and when usage comes late."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.charge import ChargeKind, Derivation
from corebilling.kernel.contract import Contract
from corebilling.kernel.money import EXACT, to_minor
from corebilling.kernel.period import Period
from corebilling.kernel.plan import OperatorCost
from corebilling.kernel.usage import UsageFigures, UsageQuestion, UsageWindow
from corebilling.rating.domain.bill import ZERO, Bill, fixed_step
from corebilling.rating.domain.costs import cost_of, cost_question, costs_in_force
from corebilling.rating.domain.engine import rate, true_up_minor
from corebilling.rating.domain.fees import Settled
from corebilling.rating.domain.price import stored
from corebilling.rating.domain.proration import days_text
from corebilling.rating.domain.timeline import Covered, is_cut

Costs = Mapping[tuple[UUID, UUID], tuple[OperatorCost, ...]]
"""What usage costs the operator, by (tenant, meter)."""


class BilledUsage(msgspec.Struct, frozen=True):
    """What was billed so far of an item's usage in a window, or of a period's commitment."""

    settled: Settled
    quantity: Decimal
    cost: Decimal = ZERO


class Reading(msgspec.Struct, frozen=True):
    """An item's usage in a period. `cost` is what has to be asked for the operator's cost where that isn't `question`."""

    covered: Covered
    question: UsageQuestion
    in_force: tuple[OperatorCost, ...] = ()
    cost: UsageQuestion | None = None

    @property
    def window(self) -> UsageWindow:
        """Which usage it is."""
        return self.question.window


def readings(
    contract: Contract, times: Sequence[Covered], period: Period, epoch: int, costs: Costs
) -> Iterator[Reading]:
    """What has to be known of the usage of a period: for each item the time that it ran within."""
    whole = contract.whole_period(period.index) if is_cut(contract, period) else period
    for covered in times:
        price = covered.price
        if price.meter_id is None:
            continue
        start = max(covered.start, period.start)
        end = period.end if covered.end is None else min(covered.end, period.end)
        if start >= end:
            continue
        cut = start != whole.start or end != whole.end
        window = UsageWindow(
            contract.tenant_id,
            contract.subscription_id,
            price.meter_id,
            start,
            end,
            epoch,
            whole.start if cut else None,
            whole.end if cut else None,
        )
        model = stored(covered.item.definition or price.definition)
        question = UsageQuestion(window, model.detail, model.group_by)
        known = costs.get((contract.tenant_id, price.meter_id))
        if not known:
            yield Reading(covered, question)
            continue
        in_force = costs_in_force(known, currency=contract.currency, before=end)
        asked = cost_question(window, in_force)
        yield Reading(covered, question, in_force, None if asked.detail == "total" else asked)


def add_usage(bill: Bill, reading: Reading, used: UsageFigures, costed: UsageFigures) -> None:
    """A line for the usage, also where there was none, and one for the true-up to the price's minimum."""
    covered, window = reading.covered, reading.window
    derivation = _derivation(reading, used, bill.epoch)
    amount_minor = to_minor(derivation.amount, bill.contract.currency)
    term_start = bill.period.start if window.start != bill.period.start else None
    cost = cost_of(costed, reading.in_force) if reading.in_force else None
    bill.add_item(
        "usage", covered, covered.price.name, used.quantity, amount_minor, window.start, window.end, derivation,
        cost=cost, term_start=term_start,
    )  # fmt: skip
    if not derivation.true_up:
        return
    whole = EXACT.add(derivation.amount, derivation.true_up)
    minimum = msgspec.structs.replace(
        derivation,
        steps=(fixed_step("minimum", whole),),
        amount=whole,
        already_billed_minor=amount_minor,
        true_up=ZERO,
        note="the usage itself is a line of its own",
    )
    bill.add_item(
        "minimum", covered, f"{covered.price.name}, up to the minimum", ZERO,
        true_up_minor(derivation, bill.contract.currency), window.start, window.end, minimum, term_start=term_start,
    )  # fmt: skip


class Recount(msgspec.Struct, frozen=True):
    """An item's usage of an earlier period, rated again: `change_minor` is what it comes to beyond what was billed."""

    reading: Reading
    derivation: Derivation
    billed: BilledUsage
    total_minor: int
    cost: Decimal | None

    @property
    def change_minor(self) -> int:
        """Above 0 for usage that came late, below for what was taken back."""
        return self.total_minor - self.billed.settled.settled_minor


def recount(
    contract: Contract,
    reading: Reading,
    used: UsageFigures,
    costed: UsageFigures,
    billed: Mapping[tuple[UUID | None, datetime], BilledUsage],
    epoch: int,
) -> Recount | None:
    """Rate usage of an earlier period again; None where that item wasn't billed then."""
    before = billed.get((reading.covered.item.item_id, reading.window.start))
    if before is None:
        return None
    derivation = _derivation(reading, used, epoch, before.settled.settled_minor)
    if derivation.true_up:
        derivation = msgspec.structs.replace(
            derivation,
            steps=(*derivation.steps, fixed_step("up to the minimum", derivation.true_up)),
            amount=EXACT.add(derivation.amount, derivation.true_up),
            true_up=ZERO,
        )
    cost = cost_of(costed, reading.in_force)
    return Recount(
        reading,
        derivation,
        before,
        to_minor(derivation.amount, contract.currency),
        None if cost is None else EXACT.subtract(cost, before.cost),
    )


def add_recount(bill: Bill, late: Period, found: Recount, credit_kind: ChargeKind) -> None:
    """A line for what an earlier period comes to beyond what was billed of it, unless that is nothing."""
    change = found.change_minor
    if not change:
        return
    window, settled = found.reading.window, found.billed.settled
    back = settled.discount_returned(change)
    derivation = found.derivation
    if change < 0:
        was, now = bill.major(settled.settled_minor), bill.major(found.total_minor)
        steps, amount = derivation.steps, derivation.amount
        if back:
            steps = (*steps, fixed_step("discounts given on it", bill.major(back)))
            amount = EXACT.add(amount, bill.major(back))
        note = f"{now} instead of {was} that were billed"
        derivation = msgspec.structs.replace(derivation, steps=steps, amount=amount, note=note)
    what = "late usage" if change > 0 else "correction"
    name = found.reading.covered.price.name
    bill.add_item(
        "late_usage" if change > 0 else credit_kind,
        found.reading.covered,
        f"{name}, {what} of {days_text(window.start, window.end, bill.contract.time_zone)}",
        EXACT.subtract(derivation.quantity, found.billed.quantity),
        change + back,
        window.start,
        window.end,
        derivation,
        cost=found.cost,
        term_start=late.start if window.start != late.start else None,
        settles_minor=change if back else None,
    )


def _derivation(reading: Reading, used: UsageFigures, epoch: int, already_billed_minor: int = 0) -> Derivation:
    price = stored(reading.covered.item.definition or reading.covered.price.definition)
    return rate(price, used, epoch=epoch, already_billed_minor=already_billed_minor)
