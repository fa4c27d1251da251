"""Coupons: in the order in which they were redeemed, each on what the ones before have left, down to nothing at most."""

from collections.abc import Collection, Sequence
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from corebilling.kernel.charge import BilledCharge, DerivationStep
from corebilling.kernel.contract import CouponUse
from corebilling.kernel.decimals import plain
from corebilling.kernel.money import EXACT, allocate
from corebilling.kernel.period import Period
from corebilling.rating.domain.bill import ZERO, Bill, fixed_step
from corebilling.rating.domain.fees import Standing

DISCOUNTED = frozenset({"recurring", "one_off", "usage", "minimum", "commitment", "proration", "late_usage"})
"""Kinds of charges that coupons reduce, where they aren't credits. What comes late gets the percentages of its own period;
a fixed amount was that period's invoice's."""


def add_discounts(bill: Bill, standing: Standing) -> None:
    """A line for each coupon that finds something to reduce; its amount is shared out over the lines it reduces."""
    if not bill.contract.coupons:
        return
    places = [n for n, line in enumerate(bill.lines) if line.kind in DISCOUNTED and line.amount_minor > 0]
    periods = {n: _period_of(bill, bill.lines[n]) for n in places}
    late = {n for n in places if bill.lines[n].kind == "late_usage"}
    for coupon in bill.contract.coupons:
        for group in _groups(coupon, places, late, periods):
            period = periods[group[0]]
            if coupon.amount_off_minor is not None and (coupon.redemption_id, period.start) in standing:
                continue  # spent on an earlier invoice of the same period
            _add(bill, coupon, group, period)


def _groups(
    coupon: CouponUse, places: Sequence[int], late: Collection[int], periods: dict[int, Period]
) -> list[list[int]]:
    """The lines that a coupon reduces. A fixed amount counts once for each period, a percentage for all together."""
    found: dict[int, list[int]] = {}
    for place in places:
        index = periods[place].index
        if coupon.amount_off_minor is not None and place in late:
            continue
        if coupon.first_index <= index and (coupon.last_index is None or index <= coupon.last_index):
            found.setdefault(index if coupon.percent_off is None else 0, []).append(place)
    return list(found.values())


def _add(bill: Bill, coupon: CouponUse, places: Sequence[int], period: Period) -> None:
    left = [bill.lines[n].amount_minor + bill.lines[n].discount_minor for n in places]
    whole = sum(left)
    if coupon.percent_off is None:
        off = min(coupon.amount_off_minor or 0, whole)
        step = fixed_step("amount off", EXACT.minus(bill.major(off)))
    else:
        exact = EXACT.multiply(Decimal(whole), coupon.percent_off)
        off = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP, context=EXACT))
        share, base = EXACT.minus(coupon.percent_off), bill.major(whole)
        percent = plain(EXACT.scaleb(coupon.percent_off, 2))
        step = DerivationStep(f"{percent} % off", base, share, ZERO, EXACT.multiply(base, share))
    if not off:
        return
    for place, part in zip(places, allocate(off, left), strict=True):
        line = bill.lines[place]
        bill.lines[place] = msgspec.structs.replace(line, discount_minor=line.discount_minor - part)
    bill.add(
        "discount",
        f"Coupon {coupon.code}",
        bill.derived("coupon", (step,)),
        period.start,
        period.end,
        item_id=coupon.redemption_id,
        term_start=period.start,
        standing=coupon.percent_off is None,
    )


def _period_of(bill: Bill, line: BilledCharge) -> Period:
    """The period whose coupons count for a line: the bill's own, an earlier one of late usage, a later one that is charged ahead."""
    if line.kind != "late_usage" and line.period_start < bill.period.end:
        return bill.period
    return bill.contract.period_at(line.period_start)
