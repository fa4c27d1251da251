"""What a preview looks like on the wire. Decimals are strings of plain digits."""

from decimal import Decimal
from typing import Annotated

import msgspec

from corebilling.rating.schemas.words import Currency, PriceStep

MAX_EVENTS = 10_000

Definition = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        description="A price model with its modifiers, as docs/guides/price-models.md has them; kept as sent, so that no digit is lost.",
        extra_json_schema={
            "type": "object",
            "required": ["model"],
            "properties": {"model": {"type": "string"}},
            "examples": [{"model": "per_unit", "unit_amount": "0.0375", "included_units": "100"}],
        },
    ),
]
PropertyValue = Annotated[
    msgspec.Raw,
    msgspec.Meta(extra_json_schema={"type": ["string", "number", "boolean", "null"]}),
]


class PreviewEvent(msgspec.Struct, forbid_unknown_fields=True):
    """One usage event: what the meter counts of it, and the properties that a matrix or a rate card looks at."""

    amount: Decimal
    properties: dict[str, PropertyValue] = {}


Events = Annotated[list[PreviewEvent], msgspec.Meta(max_length=MAX_EVENTS)]


class PreviewPrior(msgspec.Struct, forbid_unknown_fields=True):
    """The part of the period that came before, as a quantity or as events, and what was billed of it (exact, major units)."""

    quantity: Decimal | None = None
    events: Events | None = None
    billed: Decimal = Decimal(0)


class PreviewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A price, and either a quantity or events in the order of their time. A quantity counts as one event without properties."""

    currency: Currency
    price: Definition
    quantity: Decimal | None = None
    events: Events | None = None
    prior: PreviewPrior | None = None


class PreviewOut(msgspec.Struct):
    """`amount` is exact and the sum of the breakdown, `amount_minor` is it rounded once. With `prior` it is what is still due."""

    amount: str
    amount_minor: int
    currency: str
    breakdown: list[PriceStep]
