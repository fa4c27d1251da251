"""`percentage`: a share of the money that events move, and a fixed amount for each event."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import ClassVar

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import Detail, UsageFigures
from corebilling.rating.domain.amounts import ZERO, faults, rate_faults, sum_of
from corebilling.rating.domain.modifiers import Modifiers


class Percentage(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="percentage"):
    """An event of amount a costs `rate` x a + `fixed_amount`, held between `min_per_event` and `max_per_event`.

    The first `free_events` events and the first `free_amount` of money are free, and whichever is used up first ends
    both (0 or absent: no such limit). An event that is partly free pays its whole fixed amount; one that is wholly free
    pays nothing, and isn't raised to the minimum. Events come in the order of their own timestamps.
    """

    MODEL: ClassVar[str] = "percentage"
    PRICES_USAGE: ClassVar[bool] = True

    rate: Decimal
    fixed_amount: Decimal = ZERO
    free_events: int = 0
    free_amount: Decimal = ZERO
    min_per_event: Decimal | None = None
    max_per_event: Decimal | None = None

    @property
    def detail(self) -> Detail:
        """Single events, unless their sum and their number decide."""
        one_by_one = self.free_events or self.free_amount or self._bounded
        return "events" if one_by_one or (self.included_units and self.fixed_amount) else "total"

    @property
    def _bounded(self) -> bool:
        return bool(self.min_per_event) or self.max_per_event is not None

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        yield from rate_faults(self.rate, f"{at}/rate")
        yield from faults(self.fixed_amount, f"{at}/fixed_amount")
        if self.free_events < 0:
            yield FieldError(f"{at}/free_events", "must not be negative; send 0 for none")
        yield from faults(self.free_amount, f"{at}/free_amount")
        least, most = self.min_per_event, self.max_per_event
        if least is not None:
            yield from faults(least, f"{at}/min_per_event")
        if most is not None:
            yield from faults(most, f"{at}/max_per_event")
        if least is not None and most is not None and least.is_finite() and most.is_finite() and least > most:
            yield FieldError(f"{at}/max_per_event", "must not be below min_per_event")

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """What is free, the share, the fixed amounts, and what the limits of single events change; each over all events."""
        if self.detail == "total":
            return self._charged(used.quantity, used.event_count)
        first, partly_free = self._free(used.amounts)
        paid: Sequence[Decimal] = used.amounts[first:]
        free = sum_of(used.amounts[:first])
        if partly_free:
            free = EXACT.add(free, partly_free)
            paid = (EXACT.subtract(paid[0], partly_free), *paid[1:])
        charged = self._charged(sum_of(paid), len(paid))
        if self.free_events or self.free_amount:
            charged = (DerivationStep(f"free, {first} whole events", free, ZERO, ZERO, ZERO), *charged)
        return (*charged, *self._bounds(paid)) if self._bounded else charged

    def _free(self, amounts: Sequence[Decimal]) -> tuple[int, Decimal]:
        """How many events are wholly free, and how much of the next one is."""
        if not self.free_events and not self.free_amount:
            return 0, ZERO
        left = self.free_amount
        for number, amount in enumerate(amounts):
            if self.free_events and number >= self.free_events:
                return number, ZERO
            if self.free_amount:
                if not left:
                    return number, ZERO
                if amount > left:
                    return number, left
                left = EXACT.subtract(left, amount)
        return len(amounts), ZERO

    def _charged(self, total: Decimal, events: int) -> tuple[DerivationStep, ...]:
        share = DerivationStep("share of the amount", total, self.rate, ZERO, EXACT.multiply(total, self.rate))
        if not self.fixed_amount:
            return (share,)
        fixed = EXACT.multiply(Decimal(events), self.fixed_amount)
        return (share, DerivationStep("fixed amount per event", Decimal(events), self.fixed_amount, ZERO, fixed))

    def _bounds(self, paid: Sequence[Decimal]) -> Iterator[DerivationStep]:
        raised, lowered, ups, downs = ZERO, ZERO, 0, 0
        for amount in paid:
            fee = EXACT.add(EXACT.multiply(amount, self.rate), self.fixed_amount)
            if self.min_per_event is not None and fee < self.min_per_event:
                raised = EXACT.add(raised, EXACT.subtract(self.min_per_event, fee))
                ups += 1
            elif self.max_per_event is not None and fee > self.max_per_event:
                lowered = EXACT.add(lowered, EXACT.subtract(self.max_per_event, fee))
                downs += 1
        if ups:
            yield DerivationStep("raised to the minimum per event", Decimal(ups), ZERO, raised, raised)
        if downs:
            yield DerivationStep("lowered to the maximum per event", Decimal(downs), ZERO, lowered, lowered)
