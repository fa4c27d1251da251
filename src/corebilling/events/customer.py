"""Payloads that the customer context publishes."""

from uuid import UUID

import msgspec


class CustomerCreated(msgspec.Struct, frozen=True):
    """A customer exists. `external_id` is the tenant's own name for it."""

    customer_id: UUID
    external_id: str
    currency: str
    time_zone: str


class CustomerUpdated(msgspec.Struct, frozen=True):
    """A customer's data changed; personal data stays out of events, ask the API for it."""

    customer_id: UUID
    external_id: str
    currency: str
    time_zone: str
