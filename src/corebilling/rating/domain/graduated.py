"""`graduated`: each tier prices the units that fall into it, and the tiers passed add up."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.amounts import ZERO, faults, payable_faults, size_faults
from corebilling.rating.domain.modifiers import Modifiers
from corebilling.rating.domain.tiers import Span, bound_faults, passed, spans


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units above the tier before, up to and including `up_to` (None: no end), cost `unit_amount` each.

    With a `package_size`, `unit_amount` is the price of that many units, and a package that is begun counts.
    `flat_amount` is due once. Bounds are continuous: 100.5 lies in the tier after 100.
    """

    up_to: Decimal | None
    unit_amount: Decimal | None = None
    flat_amount: Decimal = ZERO
    package_size: Decimal | None = None


def tier_faults(given: tuple[Tier, ...], at: str, currency: str | None) -> Iterator[FieldError]:
    """What is wrong with tiers below the pointer."""
    yield from bound_faults([tier.up_to for tier in given], at)
    for number, tier in enumerate(given):
        place = f"{at}/{number}"
        if tier.unit_amount is None and not tier.flat_amount:
            yield FieldError(place, "needs a price: unit_amount, flat_amount or both; send 0 where it is free")
        elif tier.unit_amount is not None:
            yield from faults(tier.unit_amount, f"{place}/unit_amount")
        yield from payable_faults(tier.flat_amount, f"{place}/flat_amount", currency)
        if tier.package_size is not None:
            yield from size_faults(tier.package_size, f"{place}/package_size")


def spans_of(given: tuple[Tier, ...]) -> tuple[Span, ...]:
    """Tiers ready to compute with."""
    prices = [(tier.unit_amount or ZERO, tier.flat_amount, tier.package_size) for tier in given]
    return spans([tier.up_to for tier in given], prices)


class Graduated(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="graduated"):
    """Tiers in ascending order, the last without an end; a flat amount is due for each tier entered."""

    MODEL: ClassVar[str] = "graduated"

    tiers: tuple[Tier, ...]

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        return tier_faults(self.tiers, f"{at}/tiers", currency)

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """One step for each tier entered; zero usage enters the first."""
        return passed(self._spans, used.quantity)

    @cached_property
    def _spans(self) -> tuple[Span, ...]:
        return spans_of(self.tiers)
