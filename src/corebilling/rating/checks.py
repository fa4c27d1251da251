"""Whether prices and rate cards can be computed: pricing asks before it stores one. Needs nothing but the engine."""

from corebilling.kernel.errors import Invalid
from corebilling.kernel.money import exponent
from corebilling.kernel.plan import RateCard
from corebilling.rating.domain import rate_card
from corebilling.rating.domain.price import parse


class PriceChecks:
    """The checks that other contexts plug in as a port."""

    def check(self, definition: bytes | str, kind: str, currency: str, pointer: str) -> str:
        """The model's name of a price definition. Raises `Invalid` with a JSON pointer below `pointer` for each fault."""
        exponent(currency)
        if kind not in ("recurring", "usage"):
            raise Invalid(f"a price is recurring or usage, not '{kind}'", code="invalid_price")
        return parse(definition, pointer).MODEL

    def check_rate_card(self, card: RateCard) -> None:
        """Raises `Invalid` with a JSON pointer for each fault of a rate card."""
        rate_card.check(card)
