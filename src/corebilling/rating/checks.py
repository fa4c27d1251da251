"""Whether prices and rate cards can be computed: pricing asks before it stores one. Needs nothing but the engine."""

from typing import get_args

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.money import exponent
from corebilling.kernel.plan import PriceKind, RateCard
from corebilling.rating.domain import rate_card
from corebilling.rating.domain.price import parse, stored


class PriceChecks:
    """The checks that other contexts plug in as a port."""

    def check(self, definition: bytes | str, kind: str, currency: str, pointer: str) -> str:
        """The model's name of a price definition. Raises `Invalid` with a JSON pointer below `pointer` for each fault."""
        exponent(currency)
        if kind not in get_args(PriceKind):
            raise Invalid(f"a price is {', '.join(get_args(PriceKind))}, not '{kind}'", code="invalid_price")
        price = parse(definition, pointer, currency)
        if price.PRICES_USAGE and kind != "usage":
            found = FieldError(
                f"{pointer}/model", f"prices usage events; a {kind} price has none: choose another model"
            )
            raise Invalid(
                f"the price can't be used: {found.pointer} {found.detail}", code="invalid_price", fields=[found]
            )
        return price.MODEL

    def group_by(self, definition: str) -> tuple[str, ...]:
        """The properties of events that a checked definition looks at; its meter must group usage by them."""
        return stored(definition).group_by

    def check_rate_card(self, card: RateCard) -> None:
        """Raises `Invalid` with a JSON pointer for each fault of a rate card."""
        rate_card.check(card)
