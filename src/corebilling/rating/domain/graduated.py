"""`graduated`: each tier prices the units that fall into it, and the tiers passed add up."""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.rating.domain.amounts import ZERO, faults

MAX_TIERS = 100


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units above the tier before, up to and including `up_to` (None: no end), cost `unit_amount` each.

    `flat_amount` is due once when the tier is entered. Bounds are continuous: 100.5 lies in the tier after 100.
    """

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal = ZERO


class Graduated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="graduated"):
    """Tiers in ascending order, the last without an end."""

    MODEL: ClassVar[str] = "graduated"

    tiers: tuple[Tier, ...]

    def faults(self, pointer: str) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        if not 1 <= len(self.tiers) <= MAX_TIERS:
            yield FieldError(f"{pointer}/tiers", f"must hold between 1 and {MAX_TIERS} tiers")
        lower = ZERO
        for number, tier in enumerate(self.tiers):
            at = f"{pointer}/tiers/{number}"
            yield from faults(tier.unit_amount, f"{at}/unit_amount")
            yield from faults(tier.flat_amount, f"{at}/flat_amount")
            last = number == len(self.tiers) - 1
            if tier.up_to is None:
                if not last:
                    yield FieldError(f"{at}/up_to", "only the last tier may be open; give this one an upper bound")
                continue
            size = tuple(faults(tier.up_to, f"{at}/up_to"))
            yield from size
            if size:
                continue
            if last:
                yield FieldError(
                    f"{at}/up_to", "the last tier must be open; send null, so that every quantity has a price"
                )
            if tier.up_to <= lower:
                yield FieldError(f"{at}/up_to", f"must be above {plain(lower)}, where the tier before ends")
            lower = tier.up_to

    def steps(self, quantity: Decimal) -> tuple[DerivationStep, ...]:
        """One step for each tier entered; zero usage enters the first."""
        steps = []
        lower = ZERO
        for tier in self.tiers:
            upper = tier.up_to
            inside = upper is None or quantity <= upper
            units = EXACT.subtract(quantity if inside or upper is None else upper, lower)
            amount = EXACT.multiply(units, tier.unit_amount)
            if tier.flat_amount:
                amount = EXACT.add(amount, tier.flat_amount)
            steps.append(DerivationStep(_label(lower, upper), units, tier.unit_amount, tier.flat_amount, amount))
            if inside or upper is None:
                break
            lower = upper
        return tuple(steps)


def _label(lower: Decimal, upper: Decimal | None) -> str:
    if upper is None:
        return f"above {lower:f}" if lower else "all units"
    return f"above {lower:f} up to {upper:f}" if lower else f"up to {upper:f}"
