"""Fees: recurring prices ahead or in arrears, and one-offs. A fee's charge is what is due less what was charged before.

What is due follows from the timeline alone, so any number of changes may come, and a rating that is done again finds
nothing left to charge. docs/adr/0009 says why; README.md shows the arithmetic.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge, ChargeKind, Derivation
from corebilling.kernel.money import EXACT, to_minor
from corebilling.rating.domain.bill import Bill, fixed_step
from corebilling.rating.domain.engine import of_quantity, rate
from corebilling.rating.domain.price import stored
from corebilling.rating.domain.proration import days_text, owed_minor, part_label
from corebilling.rating.domain.terms import Term, settled_from, term_of, terms_until
from corebilling.rating.domain.timeline import Covered, is_cut

UNUSED, REMAINING = "Unused time of ", "Remaining time of "
"""How the descriptions of prorations begin."""


class Settled(msgspec.Struct, frozen=True):
    """What final charges took of one thing that was due, and the discounts they gave on it (0 or less).

    `name` is the fee's, `until` where the time ends that it was charged for; a discount has no price.
    """

    settled_minor: int
    discount_minor: int = 0
    price_id: UUID | None = None
    name: str = ""
    until: datetime | None = None

    def discount_returned(self, credit_minor: int) -> int:
        """The share of the discounts that goes back with a credit (below 0): what was really charged is given back."""
        if credit_minor >= 0 or not self.discount_minor or self.settled_minor <= 0:
            return 0
        exact = EXACT.divide(Decimal(self.discount_minor * credit_minor), Decimal(self.settled_minor))
        return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP, context=EXACT))


Standing = Mapping[tuple[UUID, datetime], Settled]
"""By item and start of what was settled."""


def with_charges(standing: Standing, lines: Sequence[BilledCharge]) -> Standing:
    """The standing charges as they are once these lines are charged too."""
    found = dict(standing)
    for line in lines:
        if line.standing and line.item_id is not None and line.term_start is not None:
            key = (line.item_id, line.term_start)
            before = found.get(key, Settled(0, 0, line.price_id, line.description, line.period_end))
            settles = line.amount_minor if line.settles_minor is None else line.settles_minor
            given = line.discount_minor + line.amount_minor - settles
            found[key] = msgspec.structs.replace(
                before,
                settled_minor=before.settled_minor + settles,
                discount_minor=before.discount_minor + given,
            )
    return found


def is_ahead(covered: Covered) -> bool:
    """Whether the item is a recurring fee that is charged ahead."""
    return covered.price.kind == "recurring" and covered.price.timing == "advance"


def add_ahead(bill: Bill, covered: Covered, times: Sequence[Covered], as_of: datetime, standing: Standing) -> None:
    """Settle an item's fee for every term from the bill's period on that has begun by `as_of`.

    `times` are those of all items: what was charged for a time that has gone is given back unless the item came back by then.
    """
    index = settled_from(bill.contract, bill.period)
    for term in terms_until(bill.contract, index, covered.price.every, as_of):
        first = max(covered.start, term.cut_start)
        if first > as_of or first >= term.cut_end or _is_deferred(bill, covered, term):
            continue
        bill.settled.add((covered.item.item_id, first))
        last = _ahead_until(covered, term, first)
        if first < last or not _is_another_s(covered, times, first):
            _settle(bill, covered, term, first, last, standing)


def add_arrears(bill: Bill, covered: Covered, until: datetime) -> None:
    """Charge an item's fee for the term that ends by `until`, for the time that it ran."""
    every, period = covered.price.every, bill.period
    lasts = covered.start <= period.start and (covered.end is None or covered.end >= period.end)
    if lasts and every == 1 and not is_cut(bill.contract, period):
        whole = _whole(bill, covered)
        amount_minor = to_minor(whole.amount, bill.contract.currency)
        bill.add_item(
            "recurring",
            covered,
            covered.price.name,
            covered.item.quantity,
            amount_minor,
            period.start,
            period.end,
            whole,
        )
        return
    term = term_of(bill.contract, period.index, every)
    part = arrears_part(covered, term)
    if part is None or term.cut_end > until:
        return
    whole = _whole(bill, covered)
    due = _owed(bill, whole, term, *part)
    derivation = _derivation(bill, whole, term, *part, due)
    bill.add_item("recurring", covered, covered.price.name, covered.item.quantity, due, *part, derivation)


def add_one_off(bill: Bill, covered: Covered, as_of: datetime, standing: Standing) -> None:
    """Charge an item once, by the first rating at or after its start."""
    start = covered.start
    if start < bill.period.start or start > as_of:
        return
    bill.settled.add((covered.item.item_id, start))
    if (covered.item.item_id, start) in standing:
        return
    whole = _whole(bill, covered)
    amount_minor = to_minor(whole.amount, bill.contract.currency)
    end = bill.contract.period_at(start).end
    bill.add_item(
        "one_off", covered, covered.price.name, covered.item.quantity, amount_minor, start, max(start, end), whole,
        term_start=start, standing=True,
    )  # fmt: skip


def fees_within(bill: Bill, times: Sequence[Covered]) -> int:
    """What all recurring prices owe for the bill's period, whenever they are charged."""
    return sum(_owed_within(bill, covered) for covered in times if covered.price.kind == "recurring")


def arrears_part(covered: Covered, term: Term) -> tuple[datetime, datetime] | None:
    """The time of an item within a term."""
    first, last = max(covered.start, term.cut_start), min(covered.end or term.cut_end, term.cut_end)
    return (first, last) if first < last else None


def terms_looked_at(bill: Bill, covered: Covered) -> Iterator[datetime]:
    """From when on standing charges matter to this item."""
    if is_ahead(covered):
        yield term_of(bill.contract, settled_from(bill.contract, bill.period), covered.price.every).cut_start
    elif covered.price.kind == "one_off" and covered.start >= bill.period.start:
        yield covered.start


def _settle(bill: Bill, covered: Covered, term: Term, first: datetime, last: datetime, standing: Standing) -> None:
    billed = standing.get((covered.item.item_id, first))
    if billed is None and first >= last:
        return
    whole = _whole(bill, covered)
    due = _owed(bill, whole, term, first, last)
    before = billed.settled_minor if billed else 0
    settles = due - before
    if billed is not None and not settles:
        return
    back = billed.discount_returned(settles) if billed else 0
    derivation = _derivation(bill, whole, term, first, last, due, before, back)
    kind: ChargeKind = "recurring" if billed is None and first == term.cut_start else "proration"
    name = covered.price.name
    start, end = (last, max(term.end, last)) if settles < 0 and last < term.end else (first, last)
    if kind == "proration":
        what = UNUSED if settles < 0 else REMAINING
        name = f"{what}{name}, {days_text(start, end, bill.contract.time_zone)}"
    bill.add_item(
        kind, covered, name, covered.item.quantity, settles + back, start, end, derivation,
        term_start=first, standing=True, settles_minor=settles if back else None,
    )  # fmt: skip


def _ahead_until(covered: Covered, term: Term, first: datetime) -> datetime:
    """Until when an item is paid for in a term: to the end of the term where what isn't used is kept."""
    last = covered.end
    if last is None or last > term.cut_end:
        return term.cut_end
    if covered.kept and first < last:
        return term.end
    return max(first, last)


def _is_another_s(gone: Covered, times: Sequence[Covered], at: datetime) -> bool:
    """Whether an instant after an item's time belongs to a later time of the same item: that one settles it."""
    return any(
        other.item.item_id == gone.item.item_id and other.start > gone.start and other.start <= at for other in times
    )


def _is_deferred(bill: Bill, covered: Covered, term: Term) -> bool:
    return (
        covered.deferred
        and term.cut_start < covered.start
        and all(calendar.starts_at != covered.start for calendar in bill.contract.calendars)
    )


def _owed_within(bill: Bill, covered: Covered) -> int:
    term = term_of(bill.contract, bill.period.index, covered.price.every)
    first = max(covered.start, term.cut_start)
    if is_ahead(covered):
        if first >= term.cut_end or _is_deferred(bill, covered, term):
            return 0
        last = _ahead_until(covered, term, first)
    else:
        last = min(covered.end or term.cut_end, term.cut_end)
    first, last = max(first, bill.period.start), min(last, bill.period.end)
    return _owed(bill, _whole(bill, covered), term, first, last) if first < last else 0


def _owed(bill: Bill, whole: Derivation, term: Term, first: datetime, last: datetime) -> int:
    return owed_minor(bill.contract, whole.amount, term.start, term.end, first, last)


def _whole(bill: Bill, covered: Covered) -> Derivation:
    """The price of a whole term. A minimum isn't a line of its own here: there is no usage that could exceed it."""
    price = stored(covered.item.definition or covered.price.definition)
    found = rate(price, of_quantity(covered.item.quantity), epoch=bill.epoch)
    if not found.true_up:
        return found
    steps = (*found.steps, fixed_step("up to the minimum", found.true_up))
    amount = EXACT.add(found.amount, found.true_up)
    return msgspec.structs.replace(found, steps=steps, amount=amount, true_up=Decimal(0))


def _derivation(
    bill: Bill,
    whole: Derivation,
    term: Term,
    first: datetime,
    last: datetime,
    due_minor: int,
    before_minor: int = 0,
    back_minor: int = 0,
) -> Derivation:
    """The price of a whole term, what a part leaves of it, less what was charged before."""
    steps, amount = list(whole.steps), whole.amount
    if (first, last) != (term.start, term.end):
        due = bill.major(due_minor)
        label = part_label(bill.contract, term.start, term.end, first, last)
        steps.append(fixed_step(f"only {label}", EXACT.subtract(due, amount)))
        amount = due
    note = None
    if before_minor:
        note = f"{bill.major(due_minor)} are due, {bill.major(before_minor)} were charged before"
    if back_minor:
        back = bill.major(back_minor)
        steps.append(fixed_step("discounts given on it", back))
        amount = EXACT.add(amount, back)
    return msgspec.structs.replace(
        whole, steps=tuple(steps), amount=amount, already_billed_minor=before_minor, note=note
    )
