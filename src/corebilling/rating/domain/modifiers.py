"""What any price may add to its model, in this order: included units, minimum, maximum, discount."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import ClassVar, NamedTuple

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import Detail, UsageFigures
from corebilling.rating.domain.amounts import ONE, ZERO, faults, payable_faults, sum_of

_HUNDRED = Decimal(100)


class Modified(NamedTuple):
    """The steps add up to `amount`; `true_up` is what the minimum asks on top."""

    steps: tuple[DerivationStep, ...]
    amount: Decimal
    true_up: Decimal


class Modifiers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """The ground of every price model.

    `included_units` come off the usage before the model sees it. `minimum_amount` and `maximum_amount` hold the model's
    amount for a period between them. `discount_percent` ("10" is 10 %) comes off what is left, a minimum's true-up too.
    """

    MODEL: ClassVar[str]
    PRICES_USAGE: ClassVar[bool] = False
    """Whether the model means nothing without usage events, so that a recurring price can't have it."""

    included_units: Decimal | None = None
    minimum_amount: Decimal | None = None
    maximum_amount: Decimal | None = None
    discount_percent: Decimal | None = None

    @property
    def detail(self) -> Detail:
        """How closely this price has to look at usage."""
        return "total"

    @property
    def group_by(self) -> tuple[str, ...]:
        """The event properties whose values this price tells apart."""
        return ()

    @property
    def modified(self) -> bool:
        """Whether any modifier is set."""
        return not (
            self.included_units is None
            and self.minimum_amount is None
            and self.maximum_amount is None
            and self.discount_percent is None
        )

    def modifier_faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with the modifiers of a definition."""
        if self.included_units is not None:
            yield from faults(self.included_units, f"{at}/included_units")
        limits = {"minimum_amount": self.minimum_amount, "maximum_amount": self.maximum_amount}
        found = [
            fault
            for name, amount in limits.items()
            if amount is not None
            for fault in payable_faults(amount, f"{at}/{name}", currency)
        ]
        yield from found
        least, most = self.minimum_amount, self.maximum_amount
        if not found and least is not None and most is not None and least > most:
            yield FieldError(f"{at}/maximum_amount", "must not be below minimum_amount")
        percent = self.discount_percent
        if percent is not None:
            if percent.is_finite() and percent > _HUNDRED:
                yield FieldError(f"{at}/discount_percent", "must be between 0 and 100: 10 is 10 %")
            else:
                yield from faults(percent, f"{at}/discount_percent")

    def beyond_included(self, used: UsageFigures) -> UsageFigures:
        """The usage that is left to price. Single events give in the order of time, and one that is wholly included is gone."""
        left = self.included_units
        if not left:
            return used
        if self.detail != "events":
            quantity = EXACT.subtract(used.quantity, min(left, used.quantity))
            return UsageFigures(quantity, used.event_count)
        amounts = list(paid_beyond(left, used.amounts))
        return UsageFigures(sum_of(amounts), len(amounts), amounts=tuple(amounts))

    def included_step(self, used: UsageFigures, left: UsageFigures) -> DerivationStep:
        """How much of the usage is included."""
        taken = EXACT.subtract(used.quantity, left.quantity)
        return DerivationStep("included units", taken, ZERO, ZERO, ZERO)

    def limited(self, steps: tuple[DerivationStep, ...], amount: Decimal) -> Modified:
        """What the model's steps and their sum become within the limits and after the discount."""
        true_up = ZERO
        if self.minimum_amount is not None and amount < self.minimum_amount:
            true_up = EXACT.subtract(self.minimum_amount, amount)
        elif self.maximum_amount is not None and amount > self.maximum_amount:
            excess = EXACT.subtract(self.maximum_amount, amount)
            steps = (*steps, DerivationStep(f"maximum of {plain(self.maximum_amount)}", ONE, ZERO, excess, excess))
            amount = self.maximum_amount
        if self.discount_percent:
            share = EXACT.scaleb(self.discount_percent, -2)
            if amount:
                off = EXACT.multiply(amount, EXACT.minus(share))
                label = f"discount of {plain(self.discount_percent)} %"
                steps = (*steps, DerivationStep(label, amount, EXACT.minus(share), ZERO, off))
                amount = EXACT.add(amount, off)
            if true_up:
                true_up = EXACT.multiply(true_up, EXACT.subtract(ONE, share))
        return Modified(steps, amount, true_up)


def paid_beyond(free: Decimal, amounts: Sequence[Decimal]) -> Iterator[Decimal]:
    """The amounts in their order after the first `free` of them; those wholly within are left out."""
    for number, amount in enumerate(amounts):
        if amount > free:
            yield EXACT.subtract(amount, free)
            yield from amounts[number + 1 :]
            return
        free = EXACT.subtract(free, amount)
        if not free:
            yield from amounts[number + 1 :]
            return
