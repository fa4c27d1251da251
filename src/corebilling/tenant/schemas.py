"""What goes over the wire about tenants, their keys and their clocks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.kernel.party import (
    CorrectionMode,
    DunningEnd,
    InvoicingTerms,
    LegalEntity,
    Proration,
    TaxEngine,
    TaxRounding,
)
from corebilling.tenant.domain.states import TenantStatus

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Region = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$(?!\n)", description="Where the data lives, such as eu.")]
Country = Annotated[str, Meta(min_length=2, max_length=2, description="ISO 3166-1 alpha-2.")]
Currency = Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.")]
TimeZone = Annotated[str, Meta(min_length=1, max_length=64, description="IANA name, such as Europe/Paris.")]
InvoicePrefix = Annotated[
    str,
    Meta(
        pattern=r"^(?!CN$)[A-Z0-9][A-Z0-9-]{0,15}$(?!\n)",
        description="Heads invoice numbers: INV-2026-000123. CN heads those of credit notes.",
    ),
]
NetDays = Annotated[int, Meta(ge=0, le=365, description="Days from the invoice's date until it is due.")]
HowProrated = Annotated[
    Proration, Meta(description="How parts of a period count: by the second, or by the day in the customer's zone.")
]
HowCorrected = Annotated[
    CorrectionMode,
    Meta(description="What a correction of a closed period becomes: a line of the next invoice, or a credit note."),
]

Line = Annotated[str, Meta(min_length=1, max_length=200)]
RetryDay = Annotated[int, Meta(ge=1, le=365)]
ReminderDay = Annotated[int, Meta(ge=-365, le=365)]


class SellerAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A postal address as it stands on an envelope; `country` is ISO 3166-1 alpha-2."""

    line1: Line | None = None
    line2: Line | None = None
    postal_code: Annotated[str, Meta(min_length=1, max_length=20)] | None = None
    city: Line | None = None
    state: Line | None = None
    country: Country | None = None


class SellerTaxIdIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tax id; spaces and dashes don't matter."""

    kind: Annotated[str, Meta(min_length=1, max_length=40, description="Such as eu_vat, fr_vat, gb_vat or us_ein.")]
    value: Annotated[str, Meta(min_length=1, max_length=60)]


class LegalPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What documents say about the seller. Only the fields sent change; null takes one away."""

    legal_name: Line | UnsetType | None = UNSET
    address: SellerAddress | UnsetType | None = UNSET
    tax_ids: Annotated[list[SellerTaxIdIn], Meta(max_length=10)] | UnsetType = UNSET
    registration: Line | UnsetType | None = UNSET
    email: Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$(?!\n)")] | UnsetType | None = UNSET
    phone: Annotated[str, Meta(min_length=1, max_length=40)] | UnsetType | None = UNSET
    website: Line | UnsetType | None = UNSET
    bank_name: Line | UnsetType | None = UNSET
    iban: Annotated[str, Meta(min_length=1, max_length=60)] | UnsetType | None = UNSET
    bic: Annotated[str, Meta(min_length=1, max_length=20)] | UnsetType | None = UNSET
    footer: Annotated[str, Meta(min_length=1, max_length=1000)] | UnsetType | None = UNSET


class DunningPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When collection is tried again, in days after it first failed or the invoice fell due, and what comes at the end.

    With `overdue` invoices that nobody charges automatically are dunned as well, from their due dates on.
    """

    retry_days: Annotated[list[RetryDay], Meta(max_length=10)] | UnsetType = UNSET
    finally_do: DunningEnd | UnsetType = UNSET
    overdue: bool | UnsetType = UNSET


class InvoicingPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How invoices are made. Only the fields sent change."""

    number_pattern: Annotated[str, Meta(description="Such as {prefix}-{year}-{number:06}.")] | UnsetType = UNSET
    draft_hours: Annotated[int, Meta(ge=0, le=2160)] | UnsetType = UNSET
    auto_finalize: bool | UnsetType = UNSET
    reminder_days: Annotated[list[ReminderDay], Meta(max_length=10)] | UnsetType = UNSET
    auto_collect: bool | UnsetType = UNSET
    tax_engine: TaxEngine | UnsetType = UNSET
    tax_rounding: TaxRounding | UnsetType = UNSET
    dunning: DunningPatch | UnsetType = UNSET
    locale: Annotated[str, Meta(min_length=2, max_length=35, description="BCP 47, such as fr-FR.")] | UnsetType = UNSET


class TenantCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tenant to be. `clock_at` starts a sandbox's test clock at that instant; without it a sandbox runs on wall time."""

    name: Name
    currency: Currency
    time_zone: TimeZone = "UTC"
    region: Region = "eu"
    country: Country | None = None
    sandbox: bool = False
    clock_at: Instant | None = None
    invoice_prefix: InvoicePrefix = "INV"
    net_days: NetDays = 30
    proration: HowProrated = "second"
    correction_mode: HowCorrected = "next_invoice"
    legal: LegalPatch = LegalPatch()
    invoicing: InvoicingPatch = InvoicingPatch()


class TenantPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an administrator may change; currency, time zone and sandbox stay as they are: documents rest on them."""

    name: Name | UnsetType = UNSET
    region: Region | UnsetType = UNSET
    country: Country | UnsetType | None = UNSET
    status: TenantStatus | UnsetType = UNSET
    invoice_prefix: InvoicePrefix | UnsetType = UNSET
    net_days: NetDays | UnsetType = UNSET
    proration: HowProrated | UnsetType = UNSET
    correction_mode: HowCorrected | UnsetType = UNSET
    legal: LegalPatch | UnsetType = UNSET
    invoicing: InvoicingPatch | UnsetType = UNSET


class SettingsPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a tenant may change about itself; invoices already made keep what they have."""

    name: Name | UnsetType = UNSET
    country: Country | UnsetType | None = UNSET
    invoice_prefix: InvoicePrefix | UnsetType = UNSET
    net_days: NetDays | UnsetType = UNSET
    proration: HowProrated | UnsetType = UNSET
    correction_mode: HowCorrected | UnsetType = UNSET
    legal: LegalPatch | UnsetType = UNSET
    invoicing: InvoicingPatch | UnsetType = UNSET


class TenantOut(msgspec.Struct, frozen=True):
    """A tenant as it stands."""

    id: UUID
    name: str
    region: str
    country: str | None
    currency: str
    time_zone: str
    sandbox: bool
    status: TenantStatus
    invoice_prefix: str
    net_days: int
    proration: Proration
    correction_mode: CorrectionMode
    legal: LegalEntity
    invoicing: InvoicingTerms
    created_at: datetime
    updated_at: datetime


class ApiKeyCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to be; `expires_at` None never ends."""

    name: Name
    scopes: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=16)]
    expires_at: Instant | None = None


class ApiKeyOut(msgspec.Struct, frozen=True, kw_only=True):
    """A key. `secret` is there only in the answer to its creation; afterwards prefix and last four tell it apart."""

    id: UUID
    name: str
    prefix: str
    last_four: str
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    secret: str | UnsetType = UNSET


class ClockOut(msgspec.Struct, frozen=True):
    """A sandbox's time. While it is advancing, `now` moves towards `target` and stops where something falls due."""

    now: datetime
    target: datetime | None
    status: Literal["ready", "advancing"]


class ClockAdvance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the clock shall go: forward only."""

    to: Instant
