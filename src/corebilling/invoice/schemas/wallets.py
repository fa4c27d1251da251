"""Wire structs of wallets. Amounts are integer minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from corebilling.invoice.domain.wallet import MovementKind
from corebilling.kernel.settlement import GrantSource

Amount = Annotated[int, Meta(ge=1, le=2**53 - 1)]
CustomerRef = Annotated[str, Meta(min_length=1, max_length=255)]
CurrencyCode = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class GrantCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Credit for a customer, paid for (`purchase`, money that is in the bank) or given (`promotion`).

    `customer_id` is the customer's id or external id; the currency defaults to the customer's. What has the lower `priority`
    is used first, then what expires first.
    """

    customer_id: CustomerRef
    amount_minor: Amount
    source: Literal["purchase", "promotion"]
    currency: CurrencyCode | None = None
    priority: Annotated[int, Meta(ge=0, le=1000)] = 100
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    description: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    reference: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class TopUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the customer agreed to buy (`top_up_minor`, nothing if null) once the wallet falls below `threshold_minor`.

    Nothing is charged by that: `wallet.depleted` tells of it, and whoever listens sells the credit and grants it.
    """

    customer_id: CustomerRef
    threshold_minor: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    top_up_minor: Amount | None = None
    currency: CurrencyCode | None = None


class WalletOut(msgspec.Struct, frozen=True):
    """A customer's credit in one currency: the balance is what is left of its grants."""

    id: UUID
    customer_id: UUID
    currency: str
    balance_minor: int
    threshold_minor: int
    top_up_minor: int | None
    changed_at: datetime


class GrantOut(msgspec.Struct, frozen=True):
    """Credit that a customer got. `source_id` is the credit note, payment or refund that it comes from, if it does."""

    id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    left_minor: int
    source: GrantSource
    source_id: UUID | None
    priority: int
    expires_at: datetime | None
    expired_at: datetime | None
    description: str | None
    reference: str | None
    journal_id: UUID
    granted_at: datetime


class MovementOut(msgspec.Struct, frozen=True):
    """What became of a part of a grant: it paid `invoice_id`, came back from there, was paid out (`draw`), or expired."""

    id: UUID
    kind: MovementKind
    amount_minor: int
    invoice_id: UUID | None
    journal_id: UUID | None
    moved_at: datetime


class GrantDetailOut(GrantOut, frozen=True):
    """A grant with everything that became of it, in order."""

    movements: list[MovementOut]
