"""Collecting invoices: by the customer's payment method when they are finalised, and by the tenant's schedule after that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from corebilling.events.envelope import Envelope
from corebilling.events.invoice import InvoiceGenerated
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.kernel.settlement import OpenInvoice, Standing
from corebilling.payment.charging import Charging, Wanted
from corebilling.payment.dunning import Dunning
from corebilling.payment.ports import Key, Others
from corebilling.payment.queries import collections as queries
from corebilling.payment.queries import methods
from corebilling.payment.queries.models import Collection, PaymentMethod
from corebilling.platform.db import Tx


class Collecting:
    """Begins collections and attempts them."""

    def __init__(self, others: Others, charging: Charging, dunning: Dunning) -> None:
        self._others = others
        self._charging = charging
        self._dunning = dunning

    async def begin(self, tx: Tx, events: Sequence[Envelope[InvoiceGenerated]]) -> None:
        """Invoices were finalised: charge those whose customers have agreed to it, watch those that shall be dunned."""
        issued = {
            (event.tenant_id, event.payload.invoice_id): event.payload
            for event in events
            if event.payload.total_minor > 0
        }
        if not issued:
            return
        owners = {key: (key[0], invoice.customer_id) for key, invoice in issued.items()}
        defaults = await self._defaults(tx, set(owners.values()))
        tenants = await self._others.tenants.profiles(tx, {tenant_id for tenant_id, _ in issued})
        watched = {tenant_id for tenant_id, tenant in tenants.items() if tenant.invoicing.dunning.overdue}
        kept = {key: one for key, one in issued.items() if owners[key] in defaults or key[0] in watched}
        if not kept:
            return
        customers = await self._others.customers.profiles(tx, list({owners[key] for key in kept}))
        standing = await self._others.invoices.standing(tx, list(kept))
        first: dict[Key, datetime] = {}
        for key, invoice in kept.items():
            if (stands := standing.get(key)) is None or not stands.left_minor:
                continue
            if owners[key] in defaults and _automatic(tenants.get(key[0]), customers.get(owners[key])):
                first[key] = invoice.issued_at
            elif key[0] in watched:
                first[key] = invoice.due_at
        rows = await self._add(tx, [(key[0], _collected(issued[key]), at) for key, at in first.items()], tenants)
        now = await self._others.clocks.now(tx, {row.tenant_id for row in rows})
        await self.attempt(tx, [row for row in rows if _due(row, now)], now, standing)

    async def attempt(
        self,
        tx: Tx,
        rows: Sequence[Collection],
        now: Mapping[UUID, datetime],
        standing: Mapping[Key, Standing] | None = None,
        *,
        asked: bool = False,
    ) -> None:
        """Try to collect these, which are locked: charge where there is a method and it is agreed or `asked`, else dun."""
        if not rows:
            return
        if standing is None:
            standing = await self._others.invoices.standing(tx, [(row.tenant_id, row.invoice_id) for row in rows])
        at = {(row.tenant_id, row.invoice_id): now[row.tenant_id] for row in rows}
        rows = await self._dunning.close(tx, rows, standing, at)
        owners = {(row.tenant_id, row.customer_id) for row in rows}
        defaults = await self._defaults(tx, owners)
        tenants = await self._others.tenants.profiles(tx, {tenant_id for tenant_id, _ in owners}) if owners else {}
        customers = await self._others.customers.profiles(tx, list(owners)) if owners else {}
        charged: list[Collection] = []
        unpaid: list[Collection] = []
        for row in rows:
            owner = (row.tenant_id, row.customer_id)
            agreed = asked or _automatic(tenants.get(row.tenant_id), customers.get(owner))
            (charged if owner in defaults and agreed else unpaid).append(row)
        await self._charging.start(
            tx,
            [
                _wanted(row, standing, defaults[row.tenant_id, row.customer_id], now[row.tenant_id])
                for row in charged
            ],
            collection=True,
        )  # fmt: skip
        # Whether this asked for a payment or one was on its way: the outcome goes on from here.
        await self._dunning.save(tx, [replace(row, next_attempt_at=None, seq=row.seq + 1) for row in charged])
        await self._dunning.turned(tx, unpaid, at, standing)

    async def attempt_due(self, tx: Tx, keys: Sequence[Key], now: Mapping[UUID, datetime]) -> int:
        """Attempt those of these that are due at their tenants' times and that nobody else works on; answers how many."""
        rows = await queries.lock_due_collections(
            tx.conn,
            tenant_ids=[tenant_id for tenant_id, _ in keys],
            invoice_ids=[invoice_id for _, invoice_id in keys],
            nows=[now[tenant_id] for tenant_id, _ in keys],
        )
        await self.attempt(tx, rows, now)
        return len(rows)

    async def retry(self, tx: Tx, tenant_id: UUID, invoice_id: UUID) -> None:
        """Collect an invoice now, whatever came of it before. Raises `NotFound`, `Conflict` where it isn't open."""
        invoice = await self._others.invoices.open_invoice(tx, tenant_id, invoice_id)
        now = {tenant_id: await self._others.now(tx, tenant_id)}
        tenants = await self._others.tenants.profiles(tx, [tenant_id])
        if added := await self._add(tx, [(tenant_id, invoice, now[tenant_id])], tenants):
            await self.attempt(tx, added, now, asked=True)
            return
        [row] = await self._dunning.locked(tx, [(tenant_id, invoice_id)])
        if row.status == "active" and row.next_attempt_at is None:
            raise Conflict(
                f"a payment of invoice {row.number} is in progress; wait for its outcome", code="payment_in_progress"
            )
        if row.status != "active":
            terms = tenants[tenant_id].invoicing.dunning
            await queries.set_terms(
                tx.conn,
                tenant_id=tenant_id,
                invoice_id=invoice_id,
                retry_days=list(terms.retry_days),
                finally_do=terms.finally_do,
            )
            row = replace(
                row,
                status="active",
                step=0,
                started_at=None,
                ended_at=None,
                stop_reason=None,
                retry_days=list(terms.retry_days),
                finally_do=terms.finally_do,
            )
        await self.attempt(tx, [row], now, asked=True)

    async def stop(self, tx: Tx, tenant_id: UUID, invoice_id: UUID, reason: str) -> None:
        """Stop collecting an invoice. Raises `NotFound`, or `Conflict` where that is over."""
        rows = await self._dunning.locked(tx, [(tenant_id, invoice_id)])
        if not rows:
            raise not_collected(invoice_id)
        if rows[0].status not in ("active", "exhausted"):
            raise Conflict(
                f"collecting invoice {rows[0].number} is over: {rows[0].status}; retry it to begin again",
                code="collection_over",
            )
        await self._dunning.stop(tx, rows[0], reason, await self._others.now(tx, tenant_id))

    async def _add(
        self,
        tx: Tx,
        wanted: Sequence[tuple[UUID, OpenInvoice | InvoiceGenerated, datetime]],
        tenants: Mapping[UUID, TenantProfile],
    ) -> list[Collection]:
        """Collections of (tenant, invoice, first attempt) under the tenants' terms; those that exist are left alone."""
        if not wanted:
            return []
        terms = [tenants[tenant_id].invoicing.dunning for tenant_id, _, _ in wanted]
        return await queries.add_collections(
            tx.conn,
            created_at=self._others.clock(),
            tenant_ids=[tenant_id for tenant_id, _, _ in wanted],
            invoice_ids=[invoice.invoice_id for _, invoice, _ in wanted],
            customer_ids=[invoice.customer_id for _, invoice, _ in wanted],
            numbers=[invoice.number for _, invoice, _ in wanted],
            currencies=[invoice.currency for _, invoice, _ in wanted],
            subscription_ids=["{" + ",".join(map(str, invoice.subscription_ids)) + "}" for _, invoice, _ in wanted],
            due_ats=[invoice.due_at for _, invoice, _ in wanted],
            retry_days=["{" + ",".join(map(str, one.retry_days)) + "}" for one in terms],
            finallys=[one.finally_do for one in terms],
            next_attempt_ats=[at for _, _, at in wanted],
        )

    async def _defaults(self, tx: Tx, owners: set[Key]) -> dict[Key, PaymentMethod]:
        if not owners:
            return {}
        rows = await methods.defaults(
            tx.conn, tenant_ids=[tenant for tenant, _ in owners], customer_ids=[customer for _, customer in owners]
        )
        return {(row.tenant_id, row.customer_id): row for row in rows}


def not_collected(invoice_id: UUID) -> NotFound:
    """The error for an invoice without a collection."""
    return NotFound(
        f"invoice {invoice_id} isn't collected; retry it to begin, or list collections", code="collection_not_found"
    )


def _collected(issued: InvoiceGenerated) -> InvoiceGenerated:
    """With the only subscription among the several."""
    if issued.subscription_ids or issued.subscription_id is None:
        return issued
    return replace(issued, subscription_ids=(issued.subscription_id,))


def _automatic(tenant: TenantProfile | None, customer: CustomerProfile | None) -> bool:
    """Whether the customer's method is charged without being asked: the customer's own word wins over the tenant's."""
    if tenant is None or customer is None:
        return False
    return tenant.invoicing.auto_collect if customer.auto_collect is None else customer.auto_collect


def _due(row: Collection, now: Mapping[UUID, datetime]) -> bool:
    return row.next_attempt_at is not None and row.next_attempt_at <= now[row.tenant_id]


def _wanted(row: Collection, standing: Mapping[Key, Standing], method: PaymentMethod, at: datetime) -> Wanted:
    return Wanted(
        row.tenant_id,
        row.invoice_id,
        row.number,
        row.customer_id,
        row.currency,
        standing[row.tenant_id, row.invoice_id].left_minor,
        method,
        at,
    )
