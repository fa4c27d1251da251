"""What goes over the wire about tenants, their keys and their clocks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.kernel.party import CorrectionMode, Proration
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


class SettingsPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a tenant may change about itself; invoices already made keep what they have."""

    name: Name | UnsetType = UNSET
    invoice_prefix: InvoicePrefix | UnsetType = UNSET
    net_days: NetDays | UnsetType = UNSET
    proration: HowProrated | UnsetType = UNSET
    correction_mode: HowCorrected | UnsetType = UNSET


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
