"""`package`: units are sold by the package, after some free ones."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.amounts import ZERO, faults, payable_faults, size_faults
from corebilling.rating.domain.modifiers import Modifiers
from corebilling.rating.domain.tiers import Rounding, Span, bound_faults, passed, spans


class PackageTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The units of a tier are sold by packages of `package_size` (None: the price's own) at `package_amount` each."""

    up_to: Decimal | None
    package_amount: Decimal
    package_size: Decimal | None = None
    flat_amount: Decimal = ZERO


class Package(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="package"):
    """`free_units` come off first; what is left fills packages, and `round` says whether one that is begun is due.

    Either one size and amount, or `tiers`: each counts its own units in packages, and `package_size` is the size of
    those that name none.
    """

    MODEL: ClassVar[str] = "package"

    package_size: Decimal | None = None
    package_amount: Decimal | None = None
    free_units: Decimal = ZERO
    round: Rounding = "up"
    tiers: tuple[PackageTier, ...] | None = None

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        yield from faults(self.free_units, f"{at}/free_units")
        if self.package_size is not None:
            yield from size_faults(self.package_size, f"{at}/package_size")
        if self.tiers is not None:
            yield from self._tier_faults(self.tiers, at, currency)
            return
        if self.package_size is None:
            yield FieldError(f"{at}/package_size", "is missing; say how many units a package holds")
        if self.package_amount is None:
            yield FieldError(f"{at}/package_amount", "is missing; say what a package costs")
        else:
            yield from faults(self.package_amount, f"{at}/package_amount")

    def _tier_faults(self, given: tuple[PackageTier, ...], at: str, currency: str | None) -> Iterator[FieldError]:
        if self.package_amount is not None:
            yield FieldError(f"{at}/package_amount", "is said by each tier where there are tiers; leave it out here")
        yield from bound_faults([tier.up_to for tier in given], f"{at}/tiers")
        for number, tier in enumerate(given):
            place = f"{at}/tiers/{number}"
            yield from faults(tier.package_amount, f"{place}/package_amount")
            yield from payable_faults(tier.flat_amount, f"{place}/flat_amount", currency)
            if tier.package_size is not None:
                yield from size_faults(tier.package_size, f"{place}/package_size")
            elif self.package_size is None:
                yield FieldError(f"{place}/package_size", "is missing; say it here or once for the whole price")

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """The free units, where there are any, and the packages."""
        free = min(self.free_units, used.quantity)
        units = EXACT.subtract(used.quantity, free) if free else used.quantity
        priced = passed(self._spans, units, self.round)
        if not self.free_units:
            return priced
        return (DerivationStep("free units", free, ZERO, ZERO, ZERO), *priced)

    @cached_property
    def _spans(self) -> tuple[Span, ...]:
        if self.tiers is None:
            assert self.package_size is not None
            assert self.package_amount is not None
            label = f"packages of {plain(self.package_size)}"
            return (Span(label, ZERO, None, self.package_amount, ZERO, self.package_size),)
        prices = [(t.package_amount, t.flat_amount, t.package_size or self.package_size) for t in self.tiers]
        return spans([tier.up_to for tier in self.tiers], prices)
