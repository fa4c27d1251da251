"""Fees that were charged for times of items that the contract doesn't know any more."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from corebilling.rating.domain.bill import Bill, fixed_step
from corebilling.rating.domain.fees import REMAINING, UNUSED, Settled, Standing, is_ahead, terms_looked_at
from corebilling.rating.domain.proration import days_text
from corebilling.rating.domain.timeline import Covered


def add_gone(bill: Bill, times: Sequence[Covered], standing: Standing) -> None:
    """Give back whole what was charged for times of items that the contract doesn't know any more.

    They were replaced, or paused, in the instant in which they began, after they had been billed. `bill` has looked at all
    fees that are due.
    """
    if not standing:
        return
    looked_at: dict[UUID, datetime] = {}
    for covered in times:
        first = min(terms_looked_at(bill, covered)) if is_ahead(covered) else bill.period.start
        looked_at[covered.item.item_id] = min(first, looked_at.get(covered.item.item_id, first))
    for (item_id, start), billed in standing.items():
        if billed.price_id is None or not billed.settled_minor or (item_id, start) in bill.settled:
            continue
        if start < looked_at.get(item_id, start):
            continue  # of an earlier term: settled by the rating of that
        settles = -billed.settled_minor
        back = billed.discount_returned(settles)
        steps = [fixed_step("nothing is due", Decimal(0))]
        if back:
            steps.append(fixed_step("discounts given on it", bill.major(back)))
        end = billed.until or bill.period.end
        name = f"{UNUSED}{_name_of(billed, f', {days_text(start, end, bill.contract.time_zone)}')}"
        bill.add(
            "proration", name, bill.derived("replaced", tuple(steps), billed.settled_minor), start, end,
            price_id=billed.price_id, item_id=item_id, term_start=start, standing=True,
            settles_minor=settles if back else None,
        )  # fmt: skip


def _name_of(billed: Settled, days: str) -> str:
    """A fee's name with the days that it was for; what was only charged as a remaining time names them already."""
    name = billed.name.removeprefix(REMAINING)
    return name if name != billed.name else name + days
