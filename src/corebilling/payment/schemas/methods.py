"""Wire structs of payment methods."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

MethodKind = Literal["card", "direct_debit", "other"]
MethodStatus = Literal["active", "detached"]
Text = Annotated[str, Meta(min_length=1, max_length=255)]


class PaymentMethodCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card, a mandate or the like that a gateway keeps: `token` is its name there, never a card's number.

    `gateway_customer` is the customer's name at the gateway, where it wants one. A customer's first method is the default.
    """

    customer_id: Text
    gateway_account_id: UUID
    token: Text
    kind: MethodKind = "card"
    gateway_customer: Text | None = None
    label: Annotated[str, Meta(max_length=255)] = ""
    is_default: bool = True


class PaymentMethodPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only the fields sent change. `is_default` true makes it the one that is charged, in place of the other."""

    label: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET


class PaymentMethodOut(msgspec.Struct, frozen=True):
    """A payment method; its token isn't shown."""

    id: UUID
    customer_id: UUID
    gateway: str
    gateway_account_id: UUID
    kind: MethodKind
    label: str
    status: MethodStatus
    is_default: bool
    created_at: datetime
