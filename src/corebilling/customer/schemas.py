"""What goes over the wire about customers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.kernel.party import TaxId, TaxStatus

ExternalId = Annotated[str, Meta(min_length=1, max_length=200, description="Your own name for the customer.")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Currency = Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.")]
TimeZone = Annotated[str, Meta(min_length=1, max_length=64, description="IANA name, such as Europe/Paris.")]
Line = Annotated[str, Meta(max_length=200)]
Reason = Annotated[
    str, Meta(min_length=1, max_length=500, description="Stands on invoices, such as the article of law.")
]
NetDays = Annotated[int, Meta(ge=0, le=365, description="Days until invoices are due; the tenant's if absent.")]
Locale = Annotated[str, Meta(min_length=2, max_length=35, description="BCP 47, such as fr-FR; the tenant's if absent.")]
PurchaseOrder = Annotated[str, Meta(min_length=1, max_length=100, description="Stands on every invoice.")]


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address as it stands on an envelope; `country` is ISO 3166-1 alpha-2."""

    line1: Line | None = None
    line2: Line | None = None
    postal_code: Annotated[str, Meta(max_length=20)] | None = None
    city: Line | None = None
    state: Line | None = None
    country: Annotated[str, Meta(min_length=2, max_length=2, pattern="^[A-Z]{2}$")] | None = None


class TaxIdIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tax id; spaces and dashes don't matter."""

    kind: Annotated[str, Meta(min_length=1, max_length=40, description="Such as eu_vat, fr_vat, gb_vat or us_ein.")]
    value: Annotated[str, Meta(min_length=1, max_length=60)]


TaxIds = Annotated[list[TaxIdIn], Meta(max_length=10)]


class CustomerCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer to be. Currency and time zone are the tenant's unless given, and stay: subscriptions rest on them."""

    external_id: ExternalId
    name: Name
    email: Email | None = None
    currency: Currency | None = None
    time_zone: TimeZone | None = None
    billing_address: Address | None = None
    tax_ids: TaxIds = []
    tax_status: TaxStatus = "taxable"
    exemption_reason: Reason | None = None
    net_days: NetDays | None = None
    locale: Locale | None = None
    auto_collect: bool | None = None
    purchase_order: PurchaseOrder | None = None


class CustomerBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 customers, created all or not at all."""

    items: Annotated[list[CustomerCreate], Meta(min_length=1, max_length=1000)]


class CustomerPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only the fields sent change; null takes one away, so that the tenant's holds."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    billing_address: Address | UnsetType | None = UNSET
    tax_ids: TaxIds | UnsetType = UNSET
    tax_status: TaxStatus | UnsetType = UNSET
    exemption_reason: Reason | UnsetType | None = UNSET
    net_days: NetDays | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    auto_collect: bool | UnsetType | None = UNSET
    purchase_order: PurchaseOrder | UnsetType | None = UNSET


class CustomerOut(msgspec.Struct, frozen=True):
    """A customer as it stands."""

    id: UUID
    external_id: str
    name: str
    email: str | None
    currency: str
    time_zone: str
    billing_address: Address | None
    tax_ids: list[TaxId]
    tax_status: TaxStatus
    exemption_reason: str | None
    net_days: int | None
    locale: str | None
    auto_collect: bool | None
    purchase_order: str | None
    created_at: datetime
    updated_at: datetime


class CustomerBatchOut(msgspec.Struct, frozen=True):
    """The created customers, in the order of the items."""

    data: list[CustomerOut]


class EntitlementOut(msgspec.Struct, frozen=True):
    """What a subscription entitles its customer to, as its events told it; null is what none has told yet.

    `usable` says whether it may be used now: begun, not over, and trialing, active or past due. `price_ids` are those of
    items of its own, empty where the plan's prices are paid. `seq` is the subscription's sequence number that is known here.
    """

    subscription_id: UUID
    plan_id: UUID | None
    status: str | None
    usable: bool
    since: datetime | None
    until: datetime | None
    price_ids: list[UUID] | None
    seq: int
