"""Invoicing ratings, as many as there are in a batch of events, in a handful of statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.invoice import grouping
from corebilling.invoice.crediting import Correction, Crediting
from corebilling.invoice.domain.document import CREDITED, Document, of_ratings
from corebilling.invoice.domain.issue import waits
from corebilling.invoice.domain.wallet import WalletKey
from corebilling.invoice.finalising import Finalising
from corebilling.invoice.grouping import Bill
from corebilling.invoice.issuing import Final, Issuing
from corebilling.invoice.ports import Charges, Customers, Prices, Subscriptions, Tenants
from corebilling.invoice.queries import issue as queries
from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.errors import NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.kernel.plan import PlanPrice
from corebilling.platform.db import Tx

Rated = Envelope[RatingCompleted]
Found = Mapping[tuple[UUID, UUID], tuple[BilledCharge, ...]]
Priced = Mapping[tuple[UUID, UUID], PlanPrice]


class RatingBilling:
    """Turns final ratings into invoices, final or drafts as the tenant wants them; what has its invoice is left alone."""

    def __init__(
        self,
        *,
        charges: Charges,
        tenants: Tenants,
        customers: Customers,
        subscriptions: Subscriptions,
        prices: Prices,
        crediting: Crediting,
        issuing: Issuing,
        finalising: Finalising,
    ) -> None:
        self._charges = charges
        self._tenants = tenants
        self._customers = customers
        self._subscriptions = subscriptions
        self._prices = prices
        self._crediting = crediting
        self._issuing = issuing
        self._finalising = finalising

    async def bill(self, tx: Tx, events: Sequence[Rated], written_at: datetime) -> None:
        """Invoice these ratings, those of a group when the last of it is there. Raises `NotFound` for an unknown customer."""
        bills = [Bill(new_id(), (event.payload,), event) for event in events if event.payload.group_size < 2]
        if len(bills) < len(events):
            bills += await grouping.complete(tx, [event for event in events if event.payload.group_size > 1])
        ours = await _claim(tx, sorted(bills, key=_order))
        if not ours:
            return
        buyers = {(bill.tenant_id, bill.ratings[0].customer_id) for bill in ours}
        charges = await self._charges.charges(tx, [(b.tenant_id, r.rating_id) for b in ours for r in b.ratings])
        tenants = await self._tenants.profiles(tx, {bill.tenant_id for bill in ours})
        customers = await self._customers.profiles(tx, sorted(buyers))
        groups = [bill for bill in ours if len(bill.ratings) > 1]
        names = await grouping.names(tx, self._subscriptions, groups) if groups else {}
        prices = await self._prices_of(tx, charges)
        finals = [_final(bill, charges, tenants, customers, names, prices) for bill in ours]
        invoices = [final for final in finals if _has_invoice(final.document)]
        corrections = [
            Correction(final.document, rating, given_back, tenants[bill.tenant_id], bill.cause)
            for bill, final in zip(ours, finals, strict=True)
            for rating in bill.ratings
            if (given_back := _credits(charges.get((bill.tenant_id, rating.rating_id), ())))
        ]
        if corrections:
            await self._crediting.hold(tx, corrections, {_owner(final.document) for final in finals})
        await self._issuing.issue(tx, [final for final in invoices if not _waits(final)], written_at)
        await self._finalising.keep(tx, [final for final in invoices if _waits(final)], written_at)
        if groups:
            await grouping.note_invoices(tx, groups)
        if corrections:
            await self._crediting.credit(tx, corrections, written_at)

    async def _prices_of(self, tx: Tx, charges: Found) -> Priced:
        keys = {(t, one.price_id) for (t, _), found in charges.items() for one in found if one.price_id is not None}
        return await self._prices.prices(tx, keys) if keys else {}


def _order(bill: Bill) -> tuple[UUID, datetime, UUID]:
    first = bill.ratings[0]
    return bill.tenant_id, first.closed_at, first.subscription_id


async def _claim(tx: Tx, bills: Sequence[Bill]) -> list[Bill]:
    """Those of the bills, and of their ratings, that nothing has been invoiced for yet."""
    wanted = [(bill, rating, grouping.claim_of(rating)) for bill in bills for rating in bill.ratings]
    rows = await queries.claim_periods(
        tx.conn,
        tenant_ids=[bill.tenant_id for bill, _, _ in wanted],
        subscription_ids=[rating.subscription_id for _, rating, _ in wanted],
        period_starts=[rating.period_start for _, rating, _ in wanted],
        purposes=[purpose for _, _, purpose in wanted],
        invoice_ids=[bill.invoice_id for bill, _, _ in wanted],
    )
    claimed = {(row.invoice_id, row.subscription_id, row.purpose) for row in rows}
    ours = []
    for bill in bills:
        ratings = tuple(
            r for r in bill.ratings if (bill.invoice_id, r.subscription_id, grouping.claim_of(r)) in claimed
        )
        if ratings:
            ours.append(bill if len(ratings) == len(bill.ratings) else msgspec.structs.replace(bill, ratings=ratings))
    return ours


def _final(
    bill: Bill,
    charges: Found,
    tenants: Mapping[UUID, TenantProfile],
    customers: Mapping[tuple[UUID, UUID], CustomerProfile],
    names: Mapping[tuple[UUID, UUID], str],
    prices: Priced,
) -> Final:
    first, tenant = bill.ratings[0], tenants.get(bill.tenant_id)
    customer = customers.get((bill.tenant_id, first.customer_id))
    if tenant is None or customer is None:
        raise NotFound(
            f"customer {first.customer_id} of rating {first.rating_id} does not exist; restore it and requeue",
            code="customer_not_found",
        )
    document = of_ratings(
        bill.invoice_id,
        bill.ratings,
        [charges.get((bill.tenant_id, rating.rating_id), ()) for rating in bill.ratings],
        tenant,
        customer,
        {r.subscription_id: names[bill.tenant_id, r.subscription_id] for r in bill.ratings if len(bill.ratings) > 1},
        prices,
    )
    return Final(document, tenant, customer, max(rating.closed_at for rating in bill.ratings), bill.cause)


def _owner(document: Document) -> WalletKey:
    return document.tenant_id, document.customer_id, document.currency


def _has_invoice(document: Document) -> bool:
    """All but what came after the last invoice and only gives back: that is a credit note and nothing else."""
    return bool(document.lines) or document.source is None or document.source.purpose != "late"


def _waits(final: Final) -> bool:
    source = final.document.source
    return source is not None and waits(final.tenant, source.purpose)


def _credits(charges: Sequence[BilledCharge]) -> tuple[BilledCharge, ...]:
    return tuple(charge for charge in charges if charge.kind == CREDITED)
