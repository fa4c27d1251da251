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
