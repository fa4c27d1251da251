"""`flat`: one amount, however much was used."""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

import msgspec

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.rating.domain.amounts import ZERO, faults


class Flat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="flat"):
    """`amount` is due once a period, also without usage."""

    MODEL: ClassVar[str] = "flat"

    amount: Decimal

    def faults(self, pointer: str) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        return faults(self.amount, f"{pointer}/amount")

    def steps(self, quantity: Decimal) -> tuple[DerivationStep, ...]:
        """The one step; the quantity is shown and changes nothing."""
        return (DerivationStep("flat amount", quantity, ZERO, self.amount, self.amount),)
