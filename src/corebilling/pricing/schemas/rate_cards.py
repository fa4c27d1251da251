"""What goes over the wire about rate cards."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.kernel.decimals import DecimalText
from corebilling.pricing.schemas.words import Code, Currency, Instant, Name, Reference, Unit


class RuleIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For `metric` in `[range_start, range_end)`: `base_amount` + value x `unit_amount`. No `range_end` is open."""

    metric: Annotated[str, Meta(min_length=1, max_length=64)]
    range_start: Decimal = Decimal(0)
    range_end: Decimal | None = None
    base_amount: Decimal = Decimal(0)
    unit_amount: Decimal = Decimal(0)
    unit: Unit | None = None


class RateCardCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rate card to be; `order_amount` is due once per order. `default` makes it the one that quotes use.

    With `customer_id` (id or external id) it is that customer's, in `[valid_from, valid_until)`, before the default card.
    """

    code: Code
    name: Name
    currency: Currency
    order_amount: Decimal = Decimal(0)
    default: bool = False
    customer_id: Reference | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    rules: Annotated[list[RuleIn], Meta(min_length=1, max_length=500)]


class RateCardEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Until when, exclusively, a customer's card holds."""

    valid_until: Instant


class RuleOut(msgspec.Struct, frozen=True):
    """A rule of a rate card."""

    metric: str
    range_start: DecimalText
    range_end: DecimalText | None
    base_amount: DecimalText
    unit_amount: DecimalText
    unit: str | None


class RateCardOut(msgspec.Struct, frozen=True):
    """A rate card with its rules; with a `customer_id` it is that customer's, in `[valid_from, valid_until)`."""

    id: UUID
    code: str
    name: str
    currency: str
    order_amount: DecimalText
    default: bool
    customer_id: UUID | None
    valid_from: datetime | None
    valid_until: datetime | None
    rules: list[RuleOut]
    created_at: datetime
