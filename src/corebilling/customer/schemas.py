"""What goes over the wire about customers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

ExternalId = Annotated[str, Meta(min_length=1, max_length=200, description="Your own name for the customer.")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Currency = Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.")]
TimeZone = Annotated[str, Meta(min_length=1, max_length=64, description="IANA name, such as Europe/Paris.")]
Line = Annotated[str, Meta(max_length=200)]


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address as it stands on an envelope; `country` is ISO 3166-1 alpha-2."""

    line1: Line | None = None
    line2: Line | None = None
    postal_code: Annotated[str, Meta(max_length=20)] | None = None
    city: Line | None = None
    state: Line | None = None
    country: Annotated[str, Meta(min_length=2, max_length=2, pattern="^[A-Z]{2}$")] | None = None


class CustomerCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer to be. Currency and time zone are the tenant's unless given, and stay: subscriptions rest on them."""

    external_id: ExternalId
    name: Name
    email: Email | None = None
    currency: Currency | None = None
    time_zone: TimeZone | None = None
    billing_address: Address | None = None


class CustomerBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 customers, created all or not at all."""

    items: Annotated[list[CustomerCreate], Meta(min_length=1, max_length=1000)]


class CustomerPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only the fields sent change; null takes email or address away."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    billing_address: Address | UnsetType | None = UNSET


class CustomerOut(msgspec.Struct, frozen=True):
    """A customer as it stands."""

    id: UUID
    external_id: str
    name: str
    email: str | None
    currency: str
    time_zone: str
    billing_address: Address | None
    created_at: datetime
    updated_at: datetime


class CustomerBatchOut(msgspec.Struct, frozen=True):
    """The created customers, in the order of the items."""

    data: list[CustomerOut]
