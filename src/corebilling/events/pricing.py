"""Payloads that the pricing context publishes."""

from uuid import UUID

import msgspec


class PlanCreated(msgspec.Struct, frozen=True):
    """A plan version was published; it never changes."""

    plan_id: UUID
    code: str
    version: int
    currency: str
    price_ids: list[UUID]


class PriceCreated(msgspec.Struct, frozen=True):
    """A price of a plan version exists. `kind` is `recurring` or `usage`; `model` names the price model."""

    price_id: UUID
    plan_id: UUID
    kind: str
    model: str
    meter_code: str | None


class PlanUpdated(msgspec.Struct, frozen=True):
    """A new version of a plan was published; subscriptions stay on theirs until they are moved."""

    plan_id: UUID
    code: str
    version: int
    previous_plan_id: UUID
    currency: str
    price_ids: list[UUID]


class PlanDeprecated(msgspec.Struct, frozen=True):
    """A plan version takes no new subscriptions any more; those it has go on."""

    plan_id: UUID
    code: str
    version: int


class PriceArchived(msgspec.Struct, frozen=True):
    """A price of a deprecated plan version is for sale no more."""

    price_id: UUID
    plan_id: UUID


class CouponRedeemed(msgspec.Struct, frozen=True):
    """A coupon was put on a subscription."""

    coupon_id: UUID
    code: str
    redemption_id: UUID
    subscription_id: UUID
    customer_id: UUID
