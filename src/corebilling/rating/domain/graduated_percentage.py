"""`graduated_percentage`: each tier takes its share of the money that falls into it, and the tiers passed add up."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.amounts import ZERO, payable_faults, rate_faults
from corebilling.rating.domain.modifiers import Modifiers
from corebilling.rating.domain.tiers import Span, bound_faults, passed, spans


class RateTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the money above the tier before, up to and including `up_to`, the fraction `rate` is due, and `flat_amount` once."""

    up_to: Decimal | None
    rate: Decimal
    flat_amount: Decimal = ZERO


class GraduatedPercentage(
    Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="graduated_percentage"
):
    """Tiers over the period's total in major units, the last without an end."""

    MODEL: ClassVar[str] = "graduated_percentage"
    PRICES_USAGE: ClassVar[bool] = True

    tiers: tuple[RateTier, ...]

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        yield from bound_faults([tier.up_to for tier in self.tiers], f"{at}/tiers")
        for number, tier in enumerate(self.tiers):
            yield from rate_faults(tier.rate, f"{at}/tiers/{number}/rate")
            yield from payable_faults(tier.flat_amount, f"{at}/tiers/{number}/flat_amount", currency)

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """One step for each tier entered; zero usage enters the first."""
        return passed(self._spans, used.quantity)

    @cached_property
    def _spans(self) -> tuple[Span, ...]:
        prices = [(tier.rate, tier.flat_amount, None) for tier in self.tiers]
        return spans([tier.up_to for tier in self.tiers], prices)
