"""What goes over the wire about operator costs."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.pricing.schemas.words import Currency, Instant, MeterCode

Property = Annotated[str, Meta(min_length=1, max_length=200)]


class OperatorCostCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a unit of a meter's usage costs you from `valid_from` on; without it, from the beginning.

    With `dimension` and `value`: what it costs where the events' property of that name has that value.
    """

    meter: MeterCode
    currency: Currency
    unit_cost: Decimal
    valid_from: Instant | None = None
    dimension: Property | None = None
    value: Property | None = None


class OperatorCostOut(msgspec.Struct, frozen=True):
    """What a unit of usage costs from `valid_from` (null: the beginning) until the next one like it begins."""

    id: UUID
    meter: str
    currency: str
    unit_cost: DecimalText
    valid_from: datetime | None
    dimension: str | None
    value: str | None
    created_at: datetime
