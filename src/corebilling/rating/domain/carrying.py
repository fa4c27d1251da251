"""Credits that exceed an invoice: they are carried to the next one, so no invoice is ever below zero."""

from corebilling.kernel.money import EXACT
from corebilling.rating.domain.bill import Bill, fixed_step


def add_carried(bill: Bill, carried_minor: int) -> int:
    """Lift a total below zero to zero, or take off what was carried so far; answers what is carried from now on."""
    total = bill.total_minor
    if total < 0:
        _add(bill, "Credit carried to the next invoice", -total)
        return carried_minor - total
    taken = min(total, carried_minor)
    if taken:
        _add(bill, "Credit carried from an earlier invoice", -taken)
    return carried_minor - taken


def _add(bill: Bill, description: str, amount_minor: int) -> None:
    amount = bill.major(abs(amount_minor))
    step = fixed_step("carried", amount if amount_minor > 0 else EXACT.minus(amount))
    bill.add("carried", description, bill.derived("carried", (step,)), bill.period.start, bill.period.end)
