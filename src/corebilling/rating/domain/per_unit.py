"""`per_unit`: quantity times a price."""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.amounts import ZERO, faults
from corebilling.rating.domain.modifiers import Modifiers


class PerUnit(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="per_unit"):
    """Every unit costs `unit_amount`."""

    MODEL: ClassVar[str] = "per_unit"

    unit_amount: Decimal

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        return faults(self.unit_amount, f"{at}/unit_amount")

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """The one step."""
        amount = EXACT.multiply(used.quantity, self.unit_amount)
        return (DerivationStep("per unit", used.quantity, self.unit_amount, ZERO, amount),)
