"""Wire structs of quotas."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from corebilling.kernel.decimals import DecimalText
from corebilling.usage.domain.event import Name
from corebilling.usage.domain.quota import QuotaMode, QuotaPeriod, QuotaScope

Limit = Annotated[Decimal, Meta(description="What may be used in a period: 0 or more, with at most 12 decimals.")]
Thresholds = Annotated[
    list[Decimal],
    Meta(
        max_length=10,
        description="Fractions of the limit, above 0 and up to 1, at which a warning is told once a period.",
    ),
]
TimeZone = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="IANA name whose calendar days and months mean; by default the tenant's.",
    ),
]


def default_thresholds() -> list[Decimal]:
    """A warning at four fifths of the limit."""
    return [Decimal("0.8")]


class QuotaCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A quota of one customer (id or external id) on one meter (code)."""

    customer_id: Name
    meter: Name
    period: QuotaPeriod
    limit: Limit
    mode: QuotaMode = "hard"
    warning_thresholds: Thresholds = field(default_factory=default_thresholds)
    time_zone: TimeZone | None = None


class QuotaPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may change about a quota. Whom it is of and its period don't: make another."""

    limit: Limit | UnsetType = UNSET
    mode: QuotaMode | UnsetType = UNSET
    warning_thresholds: Thresholds | UnsetType = UNSET


class TenantLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many events a tenant may send in a period."""

    period: QuotaPeriod
    limit: Limit
    mode: QuotaMode = "hard"
    warning_thresholds: Thresholds = field(default_factory=default_thresholds)
    time_zone: TimeZone | None = None


class TenantQuotaPut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The tenant's limits from now on: one for each period named, none for the others."""

    limits: Annotated[list[TenantLimit], Meta(max_length=3)]


class QuotaUse(msgspec.Struct, frozen=True):
    """What the present period holds. `refused` counts events; `exceeded`: the limit was crossed and that was told."""

    start: datetime
    end: datetime
    used: DecimalText
    refused: int
    exceeded: bool


class QuotaOut(msgspec.Struct, frozen=True):
    """A quota and its present period. `customer_id` and `meter` are null on a tenant's own."""

    id: UUID
    scope: QuotaScope
    customer_id: UUID | None
    meter: str | None
    period: QuotaPeriod
    time_zone: str
    limit: DecimalText
    counts: Literal["events", "quantity"]
    mode: QuotaMode
    warning_thresholds: list[DecimalText]
    present: QuotaUse
    created_at: datetime
    updated_at: datetime


class TenantQuotaOut(msgspec.Struct, frozen=True):
    """A tenant's limits; none are listed where it may send what it likes."""

    tenant_id: UUID
    limits: list[QuotaOut]
