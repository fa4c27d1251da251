"""`per_unit`: quantity times a price."""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.rating.domain.amounts import ZERO, faults


class PerUnit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="per_unit"):
    """Every unit costs `unit_amount`."""

    MODEL: ClassVar[str] = "per_unit"

    unit_amount: Decimal

    def faults(self, pointer: str) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        return faults(self.unit_amount, f"{pointer}/unit_amount")

    def steps(self, quantity: Decimal) -> tuple[DerivationStep, ...]:
        """The one step."""
        amount = EXACT.multiply(quantity, self.unit_amount)
        return (DerivationStep("per unit", quantity, self.unit_amount, ZERO, amount),)
