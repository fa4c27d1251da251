"""Commitments: the least that a period costs. What its charges fall short of it is a true-up at the period's end."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from corebilling.kernel.charge import ChargeKind
from corebilling.kernel.contract import Contract
from corebilling.kernel.money import EXACT
from corebilling.kernel.period import Period
from corebilling.rating.domain.bill import Bill, fixed_step
from corebilling.rating.domain.fees import fees_within
from corebilling.rating.domain.metered import BilledUsage
from corebilling.rating.domain.proration import days_text, owed_minor
from corebilling.rating.domain.timeline import Covered

NAME = "Commitment"


def committed_minor(contract: Contract, period: Period) -> int:
    """The least that the period costs: of each phase's commitment the share of the whole period that it ran."""
    if all(phase.commitment is None for phase in contract.phases):
        return 0
    whole, total = contract.whole_period(period.index), 0
    for phase in contract.phases_in(period.start, period.end):
        if phase.commitment is not None:
            first = max(phase.starts_at, period.start)
            last = period.end if phase.ends_at is None else min(phase.ends_at, period.end)
            total += owed_minor(contract, phase.commitment, whole.start, whole.end, first, last)
    return total


def add_commitment(bill: Bill, times: Sequence[Covered]) -> None:
    """The true-up of the bill's period, if its fees (whenever they are charged) and its usage fall short."""
    committed = committed_minor(bill.contract, bill.period)
    if not committed:
        return
    charged = fees_within(bill, times)
    charged += sum(line.amount_minor for line in bill.lines if line.kind in ("usage", "minimum"))
    if charged < committed:
        steps = (
            fixed_step("commitment", bill.major(committed)),
            fixed_step("charges of the period", EXACT.minus(bill.major(charged))),
        )
        bill.add("commitment", NAME, bill.derived("commitment", steps), bill.period.start, bill.period.end)


def commitment_change(
    bill: Bill,
    times: Sequence[Covered],
    used_minor: int,
    billed: Mapping[tuple[UUID | None, datetime], BilledUsage],
) -> int:
    """What an earlier period's true-up comes to beyond what was billed of it; `bill` is of that period, `used_minor` its usage now."""
    committed = committed_minor(bill.contract, bill.period)
    before = billed.get((None, bill.period.start))
    due = max(0, committed - fees_within(bill, times) - used_minor) if committed else 0
    return due - (before.settled.settled_minor if before else 0)


def add_commitment_change(
    bill: Bill,
    late: Period,
    change_minor: int,
    billed: Mapping[tuple[UUID | None, datetime], BilledUsage],
    credit_kind: ChargeKind,
) -> None:
    """A line for a true-up of an earlier period that usage since has made smaller or greater."""
    if not change_minor:
        return
    before = billed.get((None, late.start))
    was = before.settled.settled_minor if before else 0
    back = before.settled.discount_returned(change_minor) if before else 0
    now = bill.major(was + change_minor)
    steps = [fixed_step("true-up to the commitment", now)]
    if back:
        steps.append(fixed_step("discounts given on it", bill.major(back)))
    note = f"{now} instead of {bill.major(was)} that were billed"
    name = f"{NAME}, correction of {days_text(late.start, late.end, bill.contract.time_zone)}"
    kind: ChargeKind = "commitment" if change_minor > 0 else credit_kind
    bill.add(
        kind, name, bill.derived("commitment", tuple(steps), was, note), late.start, late.end,
        settles_minor=change_minor if back else None,
    )  # fmt: skip
