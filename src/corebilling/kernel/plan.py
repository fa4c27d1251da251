"""Plans as other contexts need to see them."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.period import Interval

PriceKind = Literal["recurring", "usage", "one_off"]
Timing = Literal["arrears", "advance"]


class PlanPrice(msgspec.Struct, frozen=True):
    """A price of a published plan version. `definition` is the price model as JSON, checked when it was created.

    `code` names it within the plan, in every currency. A recurring price is due once for every `every` periods of the
    plan, ahead of them or after them. `currency` is absent only in what was stored before plans had several. `product`
    names the revenue account, `tax_category` picks tax rates; both are slugs of the tenant's own.
    """

    price_id: UUID
    kind: PriceKind
    name: str
    meter_id: UUID | None
    meter_code: str | None
    unit: str | None
    definition: str
    code: str = ""
    currency: str | None = None
    timing: Timing = "arrears"
    every: int = 1
    plan_id: UUID | None = None
    product: str | None = None
    tax_category: str | None = None


class Commitment(msgspec.Struct, frozen=True):
    """The least that a whole period of a plan costs in a currency, in major units."""

    currency: str
    amount: Decimal


class PublishedPlan(msgspec.Struct, frozen=True):
    """A plan version; it never changes. `currency` is its main one, `currencies` are all that it is sold in."""

    plan_id: UUID
    code: str
    version: int
    name: str
    currency: str
    interval: Interval
    interval_count: int
    prices: tuple[PlanPrice, ...]
    currencies: tuple[str, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    trial_days: int = 0
    deprecated: bool = False

    def sold_in(self, currency: str) -> bool:
        """Whether it can be bought in this currency."""
        return currency == self.currency or currency in self.currencies

    def prices_in(self, currency: str) -> tuple[PlanPrice, ...]:
        """The prices of that currency, in their order."""
        return tuple(price for price in self.prices if (price.currency or self.currency) == currency)


class Coupon(msgspec.Struct, frozen=True):
    """A discount that may be put on subscriptions: a fraction (`0.2`) or an amount in minor units of `currency`.

    `duration` counts billing periods: `once`, `repeating` for `duration_periods`, or `forever`.
    """

    coupon_id: UUID
    code: str
    name: str
    percent_off: Decimal | None
    amount_off_minor: int | None
    currency: str | None
    duration: Literal["once", "repeating", "forever"]
    duration_periods: int | None


class CouponClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that is to be put on a subscription; `pointer` is where the request names it."""

    code: str
    redemption_id: UUID
    subscription_id: UUID
    customer_id: UUID
    currency: str
    pointer: str = "/code"


class OperatorCost(msgspec.Struct, frozen=True):
    """What a unit of usage costs the operator from `valid_from` on, in major units of `currency`.

    With `dimension`, for events whose property of that name has `value`; without, for all that no dimension names.
    """

    meter_id: UUID
    currency: str
    unit_cost: Decimal
    valid_from: datetime
    dimension: str | None = None
    value: str | None = None


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
