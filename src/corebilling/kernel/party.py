"""Who sells and who buys, as documents need to know them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Proration = Literal["second", "day"]
CorrectionMode = Literal["next_invoice", "credit_note"]


class TenantProfile(msgspec.Struct, frozen=True):
    """A tenant as documents show it. `net_days` is the default term of payment; `invoice_prefix` heads invoice numbers.

    `proration` is how parts of a period are counted; `correction_mode` is what becomes of a correction to a closed period.
    """

    tenant_id: UUID
    name: str
    currency: str
    time_zone: str
    sandbox: bool
    invoice_prefix: str
    net_days: int
    proration: Proration = "second"
    correction_mode: CorrectionMode = "next_invoice"


class CustomerProfile(msgspec.Struct, frozen=True):
    """A customer as documents show it."""

    tenant_id: UUID
    customer_id: UUID
    external_id: str
    name: str
    email: str | None
    currency: str
    time_zone: str


class Attribution(msgspec.Struct, frozen=True):
    """A subscription that usage may belong to, with every name it goes by: usage in `[starts_at, ends_at)` is its own."""

    subscription_id: UUID
    external_id: str | None
    customer_id: UUID
    customer_external_id: str
    starts_at: datetime
    ends_at: datetime | None
