"""Wallets as rows: locked, read in the order in which credit is used, written with what moved."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from corebilling.invoice.domain.wallet import Movement, MovementKind, WalletKey, is_money, use
from corebilling.invoice.queries import wallets as queries
from corebilling.invoice.queries.models import Wallet, WalletGrant, WalletMovement
from corebilling.kernel.ids import new_id
from corebilling.kernel.settlement import GrantDraft
from corebilling.platform.db import Tx


class Opened:
    """Locked wallets and what is left of their grants; taking from them is remembered until it is written."""

    def __init__(self, wallets: Iterable[Wallet], grants: Iterable[WalletGrant]) -> None:
        self.wallets = {(one.tenant_id, one.customer_id, one.currency): one for one in wallets}
        self._grants: dict[WalletKey, dict[UUID, WalletGrant]] = {key: {} for key in self.wallets}
        for one in grants:
            self._grants[one.tenant_id, one.customer_id, one.currency][one.grant_id] = one

    def take(
        self,
        key: WalletKey,
        amount_minor: int,
        at: datetime,
        prefer: UUID | None = None,
        *,
        to_pay_out: bool = False,
    ) -> list[tuple[UUID, int]]:
        """Parts of an amount by grant, in the order of use; less where less is left. They aren't there any more then.

        What is `to_pay_out` comes from no promotion.
        """
        grants = self._grants.get(key, {})
        parts = use([one for one in grants.values() if is_money(one) or not to_pay_out], amount_minor, at, prefer)
        for grant_id, amount in parts:
            grants[grant_id] = replace(grants[grant_id], left_minor=grants[grant_id].left_minor - amount)
        return parts

    def all_left(self) -> list[WalletGrant]:
        """Every grant of which something is left."""
        return [grant for of_wallet in self._grants.values() for grant in of_wallet.values() if grant.left_minor]

    def movement(
        self,
        key: WalletKey,
        kind: MovementKind,
        part: tuple[UUID, int],
        at: datetime,
        invoice_id: UUID | None = None,
    ) -> Movement:
        """A part that leaves a grant of the wallet."""
        grant_id, amount = part
        source = self._grants[key][grant_id].source
        return Movement(key[0], new_id(), grant_id, key[1], key[2], kind, amount, at, source, invoice_id)


async def filled(tx: Tx, keys: Collection[WalletKey]) -> set[WalletKey]:
    """Those of these wallets that hold anything. Nothing is locked."""
    rows = await queries.filled_wallets(tx.conn, **_columns(sorted(keys)))
    return {(row.tenant_id, row.customer_id, row.currency) for row in rows}


async def locked(tx: Tx, keys: Collection[WalletKey]) -> Opened:
    """These wallets, as far as there are such, locked in the order of their keys, with what is left of their grants."""
    if not keys:
        return Opened((), ())
    ordered = sorted(keys)
    wallets = await queries.lock_wallets(tx.conn, **_columns(ordered))
    return Opened(wallets, await queries.grants_left(tx.conn, **_columns(ordered)))


async def opened(tx: Tx, at: Mapping[WalletKey, datetime]) -> dict[WalletKey, Wallet]:
    """These wallets, made where there were none, and locked in the order of their keys."""
    ordered = sorted(at)
    await queries.open_wallets(
        tx.conn, **_columns(ordered), wallet_ids=[new_id() for _ in ordered], ats=[at[key] for key in ordered]
    )
    rows = await queries.lock_wallets(tx.conn, **_columns(ordered))
    return {(row.tenant_id, row.customer_id, row.currency): row for row in rows}


async def grants(tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> list[WalletGrant]:
    """Grants by (tenant, grant); unknown ones are absent."""
    return await queries.grants_by_key(
        tx.conn, tenant_ids=[tenant_id for tenant_id, _ in keys], grant_ids=[grant_id for _, grant_id in keys]
    )


async def applications(tx: Tx, invoices: Sequence[tuple[UUID, UUID]]) -> list[WalletMovement]:
    """What wallets paid of these (tenant, invoice) and didn't get back."""
    return await queries.applications_of(
        tx.conn, tenant_ids=[tenant_id for tenant_id, _ in invoices], invoice_ids=[one for _, one in invoices]
    )


async def add(tx: Tx, drafts: Sequence[GrantDraft], ids: Sequence[UUID], journals: Sequence[UUID | None]) -> None:
    """Write grants into wallets that are locked."""
    sums: dict[WalletKey, int] = {}
    ats: dict[WalletKey, datetime] = {}
    for draft in drafts:
        key = (draft.tenant_id, draft.customer_id, draft.currency)
        sums[key] = sums.get(key, 0) + draft.amount_minor
        ats[key] = draft.granted_at
    await queries.add_grants(
        tx.conn,
        wallet_tenant_ids=[tenant_id for tenant_id, _, _ in sums],
        wallet_customer_ids=[customer_id for _, customer_id, _ in sums],
        wallet_currencies=[currency for _, _, currency in sums],
        wallet_amounts_minor=list(sums.values()),
        wallet_ats=[ats[key] for key in sums],
        tenant_ids=[draft.tenant_id for draft in drafts],
        grant_ids=ids,
        customer_ids=[draft.customer_id for draft in drafts],
        currencies=[draft.currency for draft in drafts],
        amounts_minor=[draft.amount_minor for draft in drafts],
        priorities=[draft.priority for draft in drafts],
        expires_ats=[draft.expires_at for draft in drafts],
        sources=[draft.source for draft in drafts],
        source_ids=[draft.source_id for draft in drafts],
        descriptions=[draft.description for draft in drafts],
        grant_references=[draft.reference for draft in drafts],
        journal_ids=journals,
        granted_ats=[draft.granted_at for draft in drafts],
    )


async def move(tx: Tx, moved: Sequence[Movement], journals: Sequence[UUID | None]) -> None:
    """Write movements of wallets that are locked."""
    await queries.move_credit(
        tx.conn,
        tenant_ids=[one.tenant_id for one in moved],
        movement_ids=[one.movement_id for one in moved],
        grant_ids=[one.grant_id for one in moved],
        customer_ids=[one.customer_id for one in moved],
        currencies=[one.currency for one in moved],
        kinds=[one.kind for one in moved],
        amounts_minor=[one.amount_minor for one in moved],
        invoice_ids=[one.invoice_id for one in moved],
        reverses_ids=[one.reverses_id for one in moved],
        journal_ids=journals,
        moved_ats=[one.moved_at for one in moved],
    )


def _columns(keys: Sequence[WalletKey]) -> dict[str, Any]:
    return {
        "tenant_ids": [tenant_id for tenant_id, _, _ in keys],
        "customer_ids": [customer_id for _, customer_id, _ in keys],
        "currencies": [currency for _, _, currency in keys],
    }
