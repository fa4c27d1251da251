"""Credits that exceed an invoice: they are carried to the next one, so no invoice is ever below zero.

Where no invoice is to come, what is left goes on a credit note, and so to the customer.
"""

from corebilling.kernel.charge import Derivation
from corebilling.kernel.money import EXACT
from corebilling.rating.domain.bill import Bill, fixed_step

CARRIED = "carried"
"""The model of these charges: a `credit_note` of it gives back what `carried` charges had put off, not revenue."""


def add_carried(bill: Bill, carried_minor: int, *, last: bool = False) -> int:
    """Lift a total below zero to zero, or take off what was carried so far; answers what is carried from now on.

    With `last`, nothing is: what is left becomes a credit note, beside the invoice.
    """
    total = bill.total_minor
    if total < 0:
        _add(bill, "Credit carried to a credit note" if last else "Credit carried to the next invoice", -total)
    taken = min(max(total, 0), carried_minor)
    if taken:
        _add(bill, "Credit carried from an earlier invoice", -taken)
    left = carried_minor - min(total, 0) - taken
    if not last or not left:
        return left
    _give_back(bill, left)
    return 0


def _add(bill: Bill, description: str, amount_minor: int) -> None:
    bill.add("carried", description, _derived(bill, amount_minor), bill.period.start, bill.period.end)


def _give_back(bill: Bill, amount_minor: int) -> None:
    """It settles nothing of the period: its term begins when the contract is over, where no rating looks."""
    bill.add(
        "credit_note",
        "Credit left at the end of the subscription",
        _derived(bill, -amount_minor),
        bill.period.start,
        bill.period.end,
        term_start=bill.contract.ends_at,
    )


def _derived(bill: Bill, amount_minor: int) -> Derivation:
    amount = bill.major(abs(amount_minor))
    return bill.derived(CARRIED, (fixed_step(CARRIED, amount if amount_minor > 0 else EXACT.minus(amount)),))
