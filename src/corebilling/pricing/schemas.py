"""What goes over the wire about plans, prices and rate cards."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.kernel.period import Interval
from corebilling.pricing.domain.pricelist import PriceKind

Code = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$(?!\n)", description="Your own short name for it.")
]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Currency = Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.")]
Unit = Annotated[str, Meta(min_length=1, max_length=40, description="For people, such as kg or 1,000 tokens.")]
MeterCode = Annotated[str, Meta(min_length=1, max_length=200)]


class PriceCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price of a plan: `recurring` is due once a period, `usage` on what a meter counted. `price` is a price model."""

    kind: PriceKind
    name: Name
    meter: MeterCode | None = None
    unit: Unit | None = None
    price: msgspec.Raw


class PlanCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan to be, published at once and never changed."""

    code: Code
    name: Name
    currency: Currency
    interval: Interval = "month"
    interval_count: Annotated[int, Meta(ge=1, le=12)] = 1
    prices: Annotated[list[PriceCreate], Meta(min_length=1, max_length=100)]


class PriceOut(msgspec.Struct, frozen=True):
    """A published price; `price` is its definition as it was sent."""

    id: UUID
    kind: PriceKind
    name: str
    meter: str | None
    unit: str | None
    model: str
    price: msgspec.Raw


class PlanOut(msgspec.Struct, frozen=True):
    """A published plan version."""

    id: UUID
    code: str
    version: int
    name: str
    currency: str
    interval: Interval
    interval_count: int
    prices: list[PriceOut]
    created_at: datetime


class RuleIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For `metric` in `[range_start, range_end)`: `base_amount` + value x `unit_amount`. No `range_end` is open."""

    metric: Annotated[str, Meta(min_length=1, max_length=64)]
    range_start: Decimal = Decimal(0)
    range_end: Decimal | None = None
    base_amount: Decimal = Decimal(0)
    unit_amount: Decimal = Decimal(0)
    unit: Unit | None = None


class RateCardCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rate card to be; `order_amount` is due once per order. `default` makes it the one that quotes use."""

    code: Code
    name: Name
    currency: Currency
    order_amount: Decimal = Decimal(0)
    default: bool = False
    rules: Annotated[list[RuleIn], Meta(min_length=1, max_length=500)]


class RuleOut(msgspec.Struct, frozen=True):
    """A rule of a rate card."""

    metric: str
    range_start: DecimalText
    range_end: DecimalText | None
    base_amount: DecimalText
    unit_amount: DecimalText
    unit: str | None


class RateCardOut(msgspec.Struct, frozen=True):
    """A rate card with its rules."""

    id: UUID
    code: str
    name: str
    currency: str
    order_amount: DecimalText
    default: bool
    rules: list[RuleOut]
    created_at: datetime
