"""Stored charges computed again from what is pinned in them, and held against what is stored.

Pinned are the price (by its id, or the item's own definition), the quantity of the item, the window and the epoch of usage, and
what was charged before. A difference means that somebody changed what never changes, or that the engine isn't the one that
made the charge.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge, Derivation, DerivationStep
from corebilling.kernel.contract import Contract
from corebilling.kernel.errors import DomainError
from corebilling.kernel.money import EXACT, to_minor
from corebilling.kernel.plan import PlanPrice
from corebilling.kernel.usage import UsageFigures, UsageQuestion, UsageWindow
from corebilling.rating.domain.bill import ZERO, fixed_step
from corebilling.rating.domain.engine import ENGINE_VERSION, of_quantity, rate
from corebilling.rating.domain.price import Price, stored
from corebilling.rating.domain.timeline import Covered, Offers, coverage

METERED = frozenset({"usage", "minimum", "late_usage", "adjustment", "credit_note"})
FEES = frozenset({"recurring", "one_off", "proration"})


class Difference(msgspec.Struct, frozen=True):
    """A figure that isn't what its inputs give; of the whole rating where there is no `charge_no`."""

    charge_no: int | None
    figure: str
    stored: str
    computed: str


class Recount:
    """The charges of one rating, and what they come to anew. Ask `questions` first; their answers go into `differences`."""

    def __init__(self, contract: Contract, offers: Offers, prices: Mapping[UUID, PlanPrice]) -> None:
        self._contract = contract
        self._prices = prices
        self._covered: dict[UUID, Covered] = {}
        for covered in coverage(contract, offers):
            self._covered.setdefault(covered.item.item_id, covered)

    def questions(self, charges: Sequence[BilledCharge]) -> Iterator[tuple[int, UsageQuestion]]:
        """The usage behind the charges, by their number."""
        for charge in charges:
            found = self._metered(charge)
            if found is None:
                continue
            meter_id, model = found
            window = self._window(charge, meter_id)
            yield charge.charge_no, UsageQuestion(window, model.detail, model.group_by)

    def differences(
        self, charges: Sequence[BilledCharge], figures: Mapping[int, UsageFigures], total_minor: int
    ) -> Iterator[Difference]:
        """Everything that differs, charge by charge, and then of the rating."""
        for charge in charges:
            yield from self._of_arithmetic(charge)
            if (found := self._metered(charge)) is not None and charge.charge_no in figures:
                yield from self._of_usage(charge, found[1], figures[charge.charge_no])
            elif charge.kind in FEES:
                yield from self._of_fee(charge)
        yield from self._of_discounts(charges)
        made = sum(charge.amount_minor for charge in charges if charge.kind != "credit_note")
        if made != total_minor:
            yield Difference(None, "total_minor", str(total_minor), str(made))

    def _metered(self, charge: BilledCharge) -> tuple[UUID, Price] | None:
        """The meter and the price model of a charge for usage."""
        if charge.kind not in METERED or charge.price_id is None:
            return None
        covered = self._covered.get(charge.item_id) if charge.item_id else None
        price = covered.price if covered else self._prices.get(charge.price_id)
        if price is None or price.meter_id is None or price.price_id != charge.price_id:
            return None
        own = covered.item.definition if covered else None
        return price.meter_id, stored(own or price.definition)

    def _window(self, charge: BilledCharge, meter_id: UUID) -> UsageWindow:
        contract, start, end = self._contract, charge.period_start, charge.period_end
        whole = contract.whole_period(contract.period_at(start).index)
        cut = start != whole.start or end != whole.end
        return UsageWindow(
            contract.tenant_id, contract.subscription_id, meter_id, start, end, charge.derivation.epoch,
            whole.start if cut else None, whole.end if cut else None,
        )  # fmt: skip

    def _of_arithmetic(self, charge: BilledCharge) -> Iterator[Difference]:
        """What holds of every charge: the steps make the amount, which is rounded once, less what was billed before."""
        derivation, number = charge.derivation, charge.charge_no
        if derivation.engine_version != ENGINE_VERSION:
            yield Difference(number, "engine_version", derivation.engine_version, ENGINE_VERSION)
        amount = ZERO
        for step in derivation.steps:
            amount = EXACT.add(amount, step.amount)
        yield from _compared(number, "exact_amount", derivation.amount, amount)
        made = to_minor(derivation.amount, self._contract.currency) - derivation.already_billed_minor
        yield from _compared(number, "amount_minor", charge.amount_minor, made)

    def _of_usage(self, charge: BilledCharge, model: Price, used: UsageFigures) -> Iterator[Difference]:
        number, kept = charge.charge_no, charge.derivation
        try:
            made = rate(model, used, epoch=kept.epoch)
        except DomainError as error:
            yield Difference(number, "price", "a charge", error.message)
            return
        yield from _compared(number, "usage", kept.quantity, made.quantity)
        if charge.kind == "minimum":
            yield from _compared(number, "minimum", kept.amount, EXACT.add(made.amount, made.true_up))
            usage_minor = to_minor(made.amount, self._contract.currency)
            yield from _compared(number, "already_billed_minor", kept.already_billed_minor, usage_minor)
            return
        if charge.kind == "usage":
            yield from _compared(number, "true_up", kept.true_up, made.true_up)
        else:
            made = _with_minimum(made)
        yield from _steps(number, kept, made)

    def _of_fee(self, charge: BilledCharge) -> Iterator[Difference]:
        """The price of the whole term comes first in a fee's steps; what follows is the part of it."""
        covered = self._covered.get(charge.item_id) if charge.item_id else None
        if covered is None or covered.price.price_id != charge.price_id or charge.derivation.model == "replaced":
            return
        number, kept = charge.charge_no, charge.derivation
        price = stored(covered.item.definition or covered.price.definition)
        made = _with_minimum(rate(price, of_quantity(covered.item.quantity), epoch=kept.epoch))
        yield from _compared(number, "quantity", charge.quantity, covered.item.quantity)
        yield from _steps(number, kept, made)

    def _of_discounts(self, charges: Sequence[BilledCharge]) -> Iterator[Difference]:
        """Coupons take what they say, and the lines' shares make up what they took."""
        coupons = {use.redemption_id: use for use in self._contract.coupons}
        given = [charge for charge in charges if charge.kind == "discount"]
        for charge in given:
            use = coupons.get(charge.item_id) if charge.item_id else None
            if use is None:
                continue
            if use.percent_off is not None:
                percent = charge.derivation.steps[0].unit_amount
                yield from _compared(charge.charge_no, "percent_off", -percent, use.percent_off)
            elif -charge.amount_minor > (use.amount_off_minor or 0):
                yield Difference(
                    charge.charge_no,
                    "amount_minor",
                    str(charge.amount_minor),
                    f"at least {-(use.amount_off_minor or 0)}",
                )
        shares = sum(charge.discount_minor for charge in charges)
        taken = sum(charge.amount_minor for charge in given)
        if shares != taken:
            yield Difference(None, "discount_minor", str(shares), str(taken))


def _with_minimum(made: Derivation) -> Derivation:
    """With what a price's minimum asks on top, where that isn't a line of its own."""
    if not made.true_up:
        return made
    steps = (*made.steps, fixed_step("up to the minimum", made.true_up))
    return msgspec.structs.replace(made, steps=steps, amount=EXACT.add(made.amount, made.true_up), true_up=ZERO)


def _steps(number: int, kept: Derivation, made: Derivation) -> Iterator[Difference]:
    """What was stored begins with what is made now: a part of a term, or discounts that go back, come after it."""
    if kept.model != made.model:
        yield Difference(number, "model", kept.model, made.model)
    first = kept.steps[: len(made.steps)]
    for n, (was, now) in enumerate(zip(first, made.steps, strict=False), 1):
        if was != now:
            yield Difference(number, f"step {n}", _text(was), _text(now))
    if len(first) < len(made.steps):
        yield Difference(number, "steps", str(len(kept.steps)), str(len(made.steps)))


def _compared(number: int, figure: str, kept: Decimal | int, made: Decimal | int) -> Iterator[Difference]:
    if kept != made:
        yield Difference(number, figure, str(kept), str(made))


def _text(step: DerivationStep) -> str:
    return f"{step.label}: {step.quantity} x {step.unit_amount} + {step.flat_amount} = {step.amount}"
