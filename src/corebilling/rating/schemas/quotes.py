"""What quotes look like on the wire. Decimals are strings of plain digits."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec

from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.plan import RateCard
from corebilling.rating.domain.amounts import money_text
from corebilling.rating.domain.rate_card import Quote

Measure = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema={"type": ["string", "number"], "description": "A decimal."})
]
Metric = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class QuoteRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An order's context, such as `{"weight": "10.5", "distance": "15.2"}`.

    `customer_id` is a customer's id or external id: the order is priced by the rate card that is valid for it.
    """

    order: Annotated[dict[Metric, Measure], msgspec.Meta(max_length=100)]
    customer_id: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class AppliedRuleOut(msgspec.Struct):
    """`subtotal` = `base_amount` + `value` x `unit_amount`."""

    rule: str
    metric: str
    value: str
    base_amount: str
    unit_amount: str
    subtotal: str
    calculation: str


class RateCardRef(msgspec.Struct):
    """The rate card that was used."""

    id: UUID
    code: str
    name: str


class QuoteOut(msgspec.Struct):
    """A quote as it was answered and is kept. `total` is exact, `total_minor` is it rounded once."""

    id: UUID
    total: str
    total_minor: int
    currency: str
    rate_card: RateCardRef
    order: dict[str, str]
    applied_rules: list[AppliedRuleOut]
    warnings: list[str]
    customer_id: UUID | None
    quoted_at: datetime


def measured(order: Mapping[str, msgspec.Raw]) -> dict[str, Decimal]:
    """An order's values, read exactly. Raises `Invalid` naming each metric whose value is no decimal."""
    values, found = {}, []
    for metric, raw in order.items():
        try:
            values[metric] = msgspec.json.decode(raw, type=Decimal)
        except msgspec.DecodeError:
            pointer = "/order/" + metric.replace("~", "~0").replace("/", "~1")
            found.append(FieldError(pointer, "must be a decimal such as 10.5, as a string or a number"))
    if found:
        raise Invalid(
            f"the order can't be priced: {found[0].pointer} {found[0].detail}", code="invalid_order", fields=found
        )
    return values


def shown_quote(
    quote_id: UUID,
    card: RateCard,
    order: Mapping[str, Decimal],
    quote: Quote,
    customer_id: UUID | None,
    quoted_at: datetime,
) -> QuoteOut:
    """A quote on the wire, with amounts in at least the currency's digits."""

    def money(amount: Decimal) -> str:
        return money_text(amount, card.currency)

    return QuoteOut(
        id=quote_id,
        total=money(quote.total),
        total_minor=quote.total_minor,
        currency=card.currency,
        rate_card=RateCardRef(card.rate_card_id, card.code, card.name),
        order={metric: plain(value) for metric, value in order.items()},
        applied_rules=[
            AppliedRuleOut(
                line.rule,
                line.metric,
                plain(line.value),
                money(line.base_amount),
                money(line.unit_amount),
                money(line.subtotal),
                line.calculation,
            )
            for line in quote.applied
        ],
        warnings=list(quote.warnings),
        customer_id=customer_id,
        quoted_at=quoted_at,
    )
