"""Wallets: what others may ask of them, and what they answer for."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.invoice.domain.issue import IssuedInvoice
from corebilling.invoice.domain.wallet import MovementKind
from corebilling.invoice.ports import Clocks, Customers
from corebilling.invoice.queries import wallets as queries
from corebilling.invoice.queries.models import Wallet, WalletGrant
from corebilling.invoice.schemas.wallets import GrantCreate, GrantDetailOut, GrantOut, MovementOut, TopUp, WalletOut
from corebilling.invoice.settling import unknown
from corebilling.invoice.standing import locked
from corebilling.invoice.wallet_rows import opened
from corebilling.invoice.wallets import Wallets
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.journal import AccountBalance, DocumentType, PostedDocument
from corebilling.kernel.money import exponent
from corebilling.kernel.settlement import GrantDraft, GrantSource
from corebilling.platform.db import Tx

_NEWEST = UUID(int=2**128 - 1)
_KINDS: dict[str, MovementKind] = {
    "wallet_application": "application",
    "wallet_reversal": "reversal",
    "wallet_expiry": "expiry",
}


class WalletService:
    """Grants, shows and expires credit, and uses it on invoices that are open already."""

    def __init__(self, *, clocks: Clocks, customers: Customers, wallets: Wallets) -> None:
        self._clocks = clocks
        self._customers = customers
        self._wallets = wallets

    async def grant(self, tx: Tx, tenant_id: UUID, wanted: GrantCreate) -> GrantDetailOut:
        """Give a customer credit. Raises `NotFound` for the customer, `Invalid` for an expiry that is past."""
        customer = await self._customers.by_ref(tx, tenant_id, wanted.customer_id)
        currency = wanted.currency or customer.currency
        exponent(currency)
        [grant_id] = await self._wallets.grant(
            tx,
            [
                GrantDraft(
                    tenant_id=tenant_id,
                    customer_id=customer.customer_id,
                    currency=currency,
                    amount_minor=wanted.amount_minor,
                    source=wanted.source,
                    granted_at=await self._now(tx, tenant_id),
                    priority=wanted.priority,
                    expires_at=wanted.expires_at,
                    description=wanted.description,
                    reference=wanted.reference,
                )
            ],
        )
        return await self.get_grant(tx, tenant_id, grant_id)

    async def get_grant(self, tx: Tx, tenant_id: UUID, grant_id: UUID) -> GrantDetailOut:
        """A grant with what became of it. Raises `NotFound`."""
        rows = await queries.grants_by_key(tx.conn, tenant_ids=[tenant_id], grant_ids=[grant_id])
        if not rows:
            raise NotFound(f"there is no grant {grant_id}; list grants to find its id", code="grant_not_found")
        movements = await queries.get_movements(tx.conn, tenant_id=tenant_id, grant_id=grant_id)
        return GrantDetailOut(
            **msgspec.structs.asdict(_grant(rows[0])),
            movements=[
                MovementOut(
                    row.movement_id,
                    msgspec.convert(row.kind, MovementKind),
                    row.amount_minor,
                    row.invoice_id,
                    row.journal_id,
                    row.moved_at,
                )
                for row in movements
            ],
        )

    async def find_grants(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        customer: str | None,
        currency: str | None,
        only_left: bool,
        after: UUID | None,
        limit: int,
    ) -> list[GrantOut]:
        """Grants without what became of them, newest first, after the id given; `customer` is an id or external id."""
        rows = await queries.list_grants(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after or _NEWEST,
            customer_id=await self._customers.filter_id(tx, tenant_id, customer),
            currency=currency,
            only_left=only_left,
            page=limit,
        )
        return [_grant(row) for row in rows]

    async def find(
        self, tx: Tx, tenant_id: UUID, *, customer: str | None, after: UUID | None, limit: int
    ) -> list[WalletOut]:
        """Wallets, newest first, after the id given; `customer` is an id or external id."""
        customer_id = await self._customers.filter_id(tx, tenant_id, customer)
        rows = await queries.list_wallets(
            tx.conn, tenant_id=tenant_id, before_id=after or _NEWEST, customer_id=customer_id, page=limit
        )
        return [_wallet(row) for row in rows]

    async def expire(self, tx: Tx, tenant_id: UUID, grant_id: UUID) -> GrantDetailOut:
        """Let what is left of a grant run out now. Raises `NotFound`, `Conflict` where nothing is left."""
        await self.get_grant(tx, tenant_id, grant_id)
        now = await self._now(tx, tenant_id)
        if not await self._wallets.expire(tx, [(tenant_id, grant_id)], {tenant_id: now}):
            raise Conflict(f"nothing is left of grant {grant_id}; there is nothing to expire", code="nothing_left")
        return await self.get_grant(tx, tenant_id, grant_id)

    async def set_top_up(self, tx: Tx, tenant_id: UUID, wanted: TopUp) -> WalletOut:
        """Note what a customer agreed to buy when the wallet runs low. Raises `NotFound` for the customer."""
        customer = await self._customers.by_ref(tx, tenant_id, wanted.customer_id)
        currency = wanted.currency or customer.currency
        exponent(currency)
        now = await self._now(tx, tenant_id)
        await opened(tx, {(tenant_id, customer.customer_id, currency): now})
        row = await queries.set_top_up(
            tx.conn,
            tenant_id=tenant_id,
            customer_id=customer.customer_id,
            currency=currency,
            threshold_minor=wanted.threshold_minor,
            top_up_minor=wanted.top_up_minor,
            at=now,
        )
        assert row is not None, "the wallet was opened"
        return _wallet(row)

    async def apply(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> None:
        """Pay what the customer's wallet holds of an open invoice.

        Raises `NotFound`, `Conflict` where the invoice isn't open or the wallet has nothing for it.
        """
        key = (tenant_id, invoice_id)
        before = (await locked(tx, [key])).get(key)
        if before is None:
            raise unknown(invoice_id)
        if before.status != "open":
            raise Conflict(
                f"invoice {before.number or invoice_id} is {before.status}; credit pays open invoices only",
                code="invoice_state",
            )
        now = await self._now(tx, tenant_id)
        held = await self._wallets.hold(tx, [(tenant_id, before.customer_id, before.currency)])
        invoice = IssuedInvoice(tenant_id, invoice_id, before.customer_id, before.currency, now, None)
        await self._wallets.apply(tx, [invoice], held)
        if (await locked(tx, [key]))[key].seq == before.seq:
            raise Conflict(
                f"the customer has no {before.currency} credit that could pay invoice {before.number}; grant some first",
                code="not_enough_credit",
            )

    async def balances(self, tx: Tx) -> list[AccountBalance]:
        """What Customer credit (2300) must be, across tenants: what is left of grants. For the ledger's proof."""
        rows = await queries.held_in_all(tx.conn)
        return [AccountBalance(row.tenant_id, row.currency, -int(row.left_minor)) for row in rows]

    async def documents(
        self, tx: Tx, document_type: DocumentType, after: tuple[UUID, UUID], limit: int
    ) -> Sequence[PostedDocument]:
        """The ledger's proof: grants with a journal of their own, or movements, across tenants, in the order of their keys."""
        if document_type == "wallet_grant":
            grants = await queries.grants_in_order(
                tx.conn, after_tenant_id=after[0], after_grant_id=after[1], page=limit
            )
            return [
                PostedDocument(row.tenant_id, row.grant_id, row.journal_id, row.currency, row.amount_minor)
                for row in grants
            ]
        movements = await queries.movements_in_order(
            tx.conn, kind=_KINDS[document_type], after_tenant_id=after[0], after_movement_id=after[1], page=limit
        )
        return [
            PostedDocument(row.tenant_id, row.movement_id, row.journal_id, row.currency, row.amount_minor)
            for row in movements
        ]

    async def _now(self, tx: Tx, tenant_id: UUID) -> datetime:
        return (await self._clocks.now(tx, [tenant_id]))[tenant_id]


def _wallet(row: Wallet) -> WalletOut:
    return WalletOut(
        row.wallet_id,
        row.customer_id,
        row.currency,
        row.balance_minor,
        row.threshold_minor,
        row.top_up_minor,
        row.changed_at,
    )


def _grant(row: WalletGrant) -> GrantOut:
    source: GrantSource = msgspec.convert(row.source, GrantSource)
    return GrantOut(
        id=row.grant_id,
        customer_id=row.customer_id,
        currency=row.currency,
        amount_minor=row.amount_minor,
        left_minor=row.left_minor,
        source=source,
        source_id=row.source_id,
        priority=row.priority,
        expires_at=row.expires_at,
        expired_at=row.expired_at,
        description=row.description,
        reference=row.reference,
        journal_id=row.journal_id,
        granted_at=row.granted_at,
    )
