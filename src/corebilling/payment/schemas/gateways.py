"""Wire structs of gateway accounts and their notices. Secrets go in and never come out."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.payment.domain.calls import NoticeStatus

GatewayName = Literal["http"]
AccountStatus = Literal["active", "disabled"]

AccountName = Annotated[
    str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,39}$", description="A name of the tenant's own choice, unique to it.")
]
BaseUrl = Annotated[
    str, Meta(min_length=1, max_length=2048, description="Where the gateway's `/v1/payment_intents` is, over https.")
]
Secret = Annotated[str, Meta(min_length=8, max_length=512)]


class GatewayAccountCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An account at a gateway. `webhook_secret` signs its notices; without it they are refused until it is set."""

    gateway: GatewayName
    name: AccountName
    base_url: BaseUrl
    api_key: Secret
    webhook_secret: Secret | None = None


class GatewayAccountPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only the fields sent change. A replaced `webhook_secret` stays valid for 24 hours; `disabled` takes no new payments."""

    base_url: BaseUrl | UnsetType = UNSET
    api_key: Secret | UnsetType = UNSET
    webhook_secret: Secret | UnsetType = UNSET
    status: AccountStatus | UnsetType = UNSET


class GatewayAccountOut(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `notice_path` is where the gateway posts its notices; `api_key_hint` are the key's last characters."""

    id: UUID
    gateway: GatewayName
    name: str
    base_url: str
    api_key_hint: str
    has_webhook_secret: bool
    notice_path: str
    status: AccountStatus
    created_at: datetime
    updated_at: datetime


class NoticeOut(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that was stored. `detail` says why one was ignored or failed."""

    id: UUID
    gateway_notice_id: str
    status: NoticeStatus
    attempts: int
    detail: str | None
    received_at: datetime
    processed_at: datetime | None


class NoticeTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The notice is stored, or was before."""

    received: bool


class AccountRef(msgspec.Struct, frozen=True):
    """An account as payments name it."""

    account_id: UUID
    gateway: str
    name: str
