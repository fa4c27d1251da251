"""Plans as other contexts need to see them."""

from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.period import Interval


class PlanPrice(msgspec.Struct, frozen=True):
    """A price of a published plan version. `definition` is the price model as JSON, checked when it was created."""

    price_id: UUID
    kind: Literal["recurring", "usage"]
    name: str
    meter_id: UUID | None
    meter_code: str | None
    unit: str | None
    definition: str


class PublishedPlan(msgspec.Struct, frozen=True):
    """A plan version; it never changes."""

    plan_id: UUID
    code: str
    version: int
    name: str
    currency: str
    interval: Interval
    interval_count: int
    prices: tuple[PlanPrice, ...]


class RateCardRule(msgspec.Struct, frozen=True):
    """For `metric` in the half-open range `[range_start, range_end)`: `base_amount` + value x `unit_amount`.

    Decimal strings in the card's currency; `range_end` None is open; `unit` is for people (`kg`).
    """

    metric: str
    range_start: str
    range_end: str | None
    base_amount: str
    unit_amount: str
    unit: str | None = None


class RateCard(msgspec.Struct, frozen=True):
    """A rate card: `order_amount` is due once per order, then the rules, one per metric and range."""

    rate_card_id: UUID
    code: str
    name: str
    currency: str
    order_amount: str
    rules: tuple[RateCardRule, ...]
