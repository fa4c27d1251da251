"""What goes over the wire about rate cards."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.pricing.schemas.words import Code, Currency, Name, Unit


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
