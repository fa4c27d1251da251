"""`flat`: one amount, however much was used."""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.amounts import ZERO, payable_faults
from corebilling.rating.domain.modifiers import Modifiers


class Flat(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="flat"):
    """`amount` is due once a period, also without usage. Units aren't counted, so `included_units` changes nothing."""

    MODEL: ClassVar[str] = "flat"

    amount: Decimal

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        return payable_faults(self.amount, f"{at}/amount", currency)

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """The one step; the quantity is shown and changes nothing."""
        return (DerivationStep("flat amount", used.quantity, ZERO, self.amount, self.amount),)
