"""`volume`: the tier that the whole quantity reaches prices every unit. With flat amounts alone it is stairstep."""

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.graduated import Tier, spans_of, tier_faults
from corebilling.rating.domain.modifiers import Modifiers
from corebilling.rating.domain.tiers import Span, reached, step


class Volume(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="volume"):
    """Tiers in ascending order, the last without an end; only the flat amount of the tier reached is due."""

    MODEL: ClassVar[str] = "volume"

    tiers: tuple[Tier, ...]

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        return tier_faults(self.tiers, f"{at}/tiers", currency)

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """The one step; zero usage reaches the first tier."""
        return (step(reached(self._spans, used.quantity), used.quantity),)

    @cached_property
    def _spans(self) -> tuple[Span, ...]:
        return spans_of(self.tiers)
