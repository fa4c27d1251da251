"""What quotes and upcoming invoices look like on the wire. Decimals are strings of plain digits."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge, DerivationStep
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.plan import RateCard
from corebilling.rating.domain.amounts import money_text
from corebilling.rating.domain.engine import formula
from corebilling.rating.domain.rate_card import Quote

Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
Measure = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema={"type": ["string", "number"], "description": "A decimal."})
]
Metric = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class QuoteRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An order's context, such as `{"weight": "10.5", "distance": "15.2"}`; `customer_id` comes back in the answer."""

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
    """`total` is exact, `total_minor` is it rounded once."""

    total: str
    total_minor: int
    currency: str
    rate_card: RateCardRef
    applied_rules: list[AppliedRuleOut]
    warnings: list[str]
    customer_id: str | None = None


class StepOut(msgspec.Struct):
    """One step: `quantity` x `unit_amount` + `flat_amount` = `amount`."""

    label: str
    quantity: str
    unit_amount: str
    flat_amount: str
    amount: str


class UpcomingLineOut(msgspec.Struct):
    """One line as it would stand now. `period_start` and `period_end` are those of the usage."""

    kind: str
    description: str
    price_id: UUID | None
    meter_code: str | None
    unit: str | None
    quantity: str
    amount_minor: int
    period_start: datetime
    period_end: datetime
    calculation: str
    already_billed_minor: int
    breakdown: list[StepOut]


class UpcomingInvoiceOut(msgspec.Struct):
    """What the current period would cost if it ended now. `epoch` is the usage watermark that was read."""

    subscription_id: UUID
    customer_id: UUID
    period_index: int
    period_start: datetime
    period_end: datetime
    currency: str
    total_minor: int
    epoch: int
    engine_version: str
    lines: list[UpcomingLineOut]


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


def shown_quote(card: RateCard, quote: Quote, customer_id: str | None) -> QuoteOut:
    """A quote on the wire, with amounts in at least the currency's digits."""

    def money(amount: Decimal) -> str:
        return money_text(amount, card.currency)

    return QuoteOut(
        total=money(quote.total),
        total_minor=quote.total_minor,
        currency=card.currency,
        rate_card=RateCardRef(card.rate_card_id, card.code, card.name),
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
    )


def shown_step(step: DerivationStep) -> StepOut:
    """A step on the wire."""
    return StepOut(
        step.label, plain(step.quantity), plain(step.unit_amount), plain(step.flat_amount), plain(step.amount)
    )


def shown_line(charge: BilledCharge) -> UpcomingLineOut:
    """A charge that isn't billed yet on the wire."""
    return UpcomingLineOut(
        kind=charge.kind,
        description=charge.description,
        price_id=charge.price_id,
        meter_code=charge.meter_code,
        unit=charge.unit,
        quantity=plain(charge.quantity),
        amount_minor=charge.amount_minor,
        period_start=charge.period_start,
        period_end=charge.period_end,
        calculation=formula(charge.derivation),
        already_billed_minor=charge.derivation.already_billed_minor,
        breakdown=[shown_step(step) for step in charge.derivation.steps],
    )
