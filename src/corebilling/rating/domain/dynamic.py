"""`dynamic`: each event says what it costs; the price passes it on."""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

from corebilling.kernel.charge import DerivationStep
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.kernel.usage import UsageFigures
from corebilling.rating.domain.amounts import ONE, ZERO, faults
from corebilling.rating.domain.modifiers import Modifiers


class Dynamic(Modifiers, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="dynamic"):
    """The meter sums the amounts that events carry, in major units; `multiplier` puts a margin on them (1.2 adds 20 %)."""

    MODEL: ClassVar[str] = "dynamic"
    PRICES_USAGE: ClassVar[bool] = True

    multiplier: Decimal = ONE

    def faults(self, at: str, currency: str | None) -> Iterator[FieldError]:
        """What is wrong with this definition."""
        return faults(self.multiplier, f"{at}/multiplier")

    def steps(self, used: UsageFigures) -> tuple[DerivationStep, ...]:
        """The one step."""
        amount = EXACT.multiply(used.quantity, self.multiplier)
        return (DerivationStep("amounts of the events", used.quantity, self.multiplier, ZERO, amount),)
