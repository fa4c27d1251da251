"""Tenants' accounts at payment gateways: where to call, and the secrets for it, which never leave again."""

from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from yarl import URL

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.payment.domain.calls import NoticeStatus
from corebilling.payment.ports import Tenants
from corebilling.payment.queries import gateway_accounts as queries
from corebilling.payment.queries import gateway_notices as notices
from corebilling.payment.queries.models import GatewayAccount
from corebilling.payment.schemas.gateways import (
    AccountRef,
    AccountStatus,
    GatewayAccountCreate,
    GatewayAccountOut,
    GatewayAccountPatch,
    GatewayName,
    NoticeOut,
)
from corebilling.platform.db import Tx
from corebilling.platform.outbound import addresses
from corebilling.platform.secrets import SecretBox

MOST_ACCOUNTS = 50
"""Of one tenant."""

ROTATION_OVERLAP = timedelta(hours=24)
"""How long notices signed with a replaced secret are still taken."""

T = TypeVar("T")


class GatewayAccounts:
    """The accounts of a tenant. `allow_private_targets` is the setting; it concerns sandboxes alone."""

    def __init__(self, *, clock: Clock, tenants: Tenants, secret_box: SecretBox, allow_private_targets: bool) -> None:
        self._clock = clock
        self._tenants = tenants
        self._secret_box = secret_box
        self._allow_private_targets = allow_private_targets

    async def create(self, tx: Tx, tenant_id: UUID, data: GatewayAccountCreate) -> GatewayAccountOut:
        """A new account. Raises `Invalid` for its address, `Conflict` for a name that is taken or too many accounts."""
        profile = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        if profile is None:
            raise NotFound("there is no such tenant; check the credential", code="tenant_not_found")
        self._check_url(data.base_url, profile.sandbox)
        if (await queries.count_accounts(tx.conn, tenant_id=tenant_id) or 0) >= MOST_ACCOUNTS:
            raise Conflict(
                f"{MOST_ACCOUNTS} gateway accounts are the most there can be", code="too_many_gateway_accounts"
            )
        secret = data.webhook_secret
        row = await queries.add_account(
            tx.conn,
            tenant_id=tenant_id,
            account_id=new_id(),
            gateway=data.gateway,
            name=data.name,
            base_url=data.base_url,
            api_key_sealed=self._secret_box.seal(data.api_key),
            api_key_hint=_hint(data.api_key),
            notice_secret_sealed=None if secret is None else self._secret_box.seal(secret),
            sandbox=profile.sandbox,
            at=self._clock(),
        )
        if row is None:
            raise Conflict(
                f"there is a gateway account named {data.name}; choose another name", code="gateway_account_exists"
            )
        return _shown(row)

    async def find(self, tx: Tx, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[GatewayAccountOut]:
        """Newest first."""
        rows = await queries.list_accounts(tx.conn, tenant_id=tenant_id, before=after, page_size=limit)
        return [_shown(row) for row in rows]

    async def get(self, tx: Tx, tenant_id: UUID, account_id: UUID) -> GatewayAccountOut:
        """One account. Raises `NotFound`."""
        return _shown(_known(await queries.get_account(tx.conn, tenant_id=tenant_id, account_id=account_id)))

    async def change(self, tx: Tx, tenant_id: UUID, account_id: UUID, change: GatewayAccountPatch) -> GatewayAccountOut:
        """Change the fields given. Raises `NotFound`, and `Invalid` as creation does."""
        before = _known(await queries.lock_account(tx.conn, tenant_id=tenant_id, account_id=account_id))
        if change.base_url is not UNSET:
            self._check_url(change.base_url, before.sandbox)
        now, key, secret = self._clock(), change.api_key, change.webhook_secret
        rotates = secret is not UNSET and before.notice_secret_sealed is not None
        row = await queries.change_account(
            tx.conn,
            tenant_id=tenant_id,
            account_id=account_id,
            base_url=_or(change.base_url, before.base_url),
            api_key_sealed=before.api_key_sealed if key is UNSET else self._secret_box.seal(key),
            api_key_hint=before.api_key_hint if key is UNSET else _hint(key),
            notice_secret_sealed=before.notice_secret_sealed if secret is UNSET else self._secret_box.seal(secret),
            previous_notice_secret_sealed=(
                before.notice_secret_sealed if rotates else before.previous_notice_secret_sealed
            ),
            previous_notice_secret_until=now + ROTATION_OVERLAP if rotates else before.previous_notice_secret_until,
            status=_or(change.status, before.status),
            at=now,
        )
        return _shown(_known(row))

    async def active(self, tx: Tx, tenant_id: UUID, ref: UUID | str) -> AccountRef:
        """The account of that id or name, to be charged by. Raises `NotFound`, and `Conflict` where it is disabled."""
        if isinstance(ref, str) and (parsed := _uuid(ref)) is not None:
            ref = parsed
        row = _known(
            await queries.get_account(tx.conn, tenant_id=tenant_id, account_id=ref)
            if isinstance(ref, UUID)
            else await queries.get_account_by_name(tx.conn, tenant_id=tenant_id, name=ref)
        )
        if row.status != "active":
            raise Conflict(
                "the gateway account is disabled; set its status to active or name another",
                code="gateway_account_disabled",
            )
        return AccountRef(row.account_id, row.gateway, row.name)

    async def notices(
        self, tx: Tx, tenant_id: UUID, account_id: UUID, *, after: UUID | None, limit: int
    ) -> list[NoticeOut]:
        """What the gateway told about this account, newest first. Raises `NotFound`."""
        _known(await queries.get_account(tx.conn, tenant_id=tenant_id, account_id=account_id))
        rows = await notices.list_notices(
            tx.conn, tenant_id=tenant_id, account_id=account_id, before=after, page_size=limit
        )
        return [
            NoticeOut(
                id=row.notice_id,
                gateway_notice_id=row.gateway_notice_id,
                status=msgspec.convert(row.status, NoticeStatus),
                attempts=row.attempts,
                detail=row.detail,
                received_at=row.received_at,
                processed_at=row.processed_at,
            )
            for row in rows
        ]

    def _check_url(self, url: str, sandbox: bool) -> None:
        why = addresses.url_refusal(url, allow_private=self._allow_private_targets and sandbox)
        if why is None and URL(url).query_string:
            why = "the URL has a query, which calls wouldn't keep; leave it out"
        if why is not None:
            raise invalid_field("/base_url", why, code="invalid_target")


def _or(given: T | UnsetType, present: T) -> T:
    return present if isinstance(given, UnsetType) else given


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _hint(secret: str) -> str:
    return secret[-4:] if len(secret) >= 12 else ""


def _known(row: GatewayAccount | None) -> GatewayAccount:
    if row is None:
        raise NotFound("there is no such gateway account; list them to see their ids", code="gateway_account_not_found")
    return row


def _shown(row: GatewayAccount) -> GatewayAccountOut:
    return GatewayAccountOut(
        id=row.account_id,
        gateway=msgspec.convert(row.gateway, GatewayName),
        name=row.name,
        base_url=row.base_url,
        api_key_hint=row.api_key_hint,
        has_webhook_secret=row.notice_secret_sealed is not None,
        notice_path=f"/v1/gateways/{row.gateway}/{row.account_id}/webhook",
        status=msgspec.convert(row.status, AccountStatus),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
