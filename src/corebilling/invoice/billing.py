"""Invoicing closed periods, as many as there are in a batch of events, in a handful of statements."""

from collections.abc import Sequence
from datetime import datetime

from corebilling.events.envelope import Envelope
from corebilling.events.rating import RatingCompleted
from corebilling.invoice.domain.document import of_rating
from corebilling.invoice.domain.issue import issue
from corebilling.invoice.issuing import Final, issue_new
from corebilling.invoice.ports import Charges, Customers, Ledger, Tenants
from corebilling.invoice.queries import issue as queries
from corebilling.kernel.errors import NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx

PURPOSE = "period"

Rated = Envelope[RatingCompleted]


class PeriodBilling:
    """Turns final ratings into final invoices; a period that has its invoice is left alone."""

    def __init__(self, *, charges: Charges, tenants: Tenants, customers: Customers, ledger: Ledger) -> None:
        self._charges = charges
        self._tenants = tenants
        self._customers = customers
        self._ledger = ledger

    async def bill(self, tx: Tx, events: Sequence[Rated], written_at: datetime) -> None:
        """Invoice the periods of these ratings that have no invoice yet. Raises `NotFound` for an unknown customer."""
        ordered = sorted(events, key=lambda e: (e.tenant_id, e.payload.closed_at, e.payload.subscription_id))
        invoice_ids = [new_id() for _ in ordered]
        claimed = set(
            await queries.claim_periods(
                tx.conn,
                purpose=PURPOSE,
                tenant_ids=[event.tenant_id for event in ordered],
                subscription_ids=[event.payload.subscription_id for event in ordered],
                period_starts=[event.payload.period_start for event in ordered],
                invoice_ids=invoice_ids,
            )
        )
        ours = [(event, i) for event, i in zip(ordered, invoice_ids, strict=True) if i in claimed]
        if not ours:
            return
        buyers = {(event.tenant_id, event.payload.customer_id) for event, _ in ours}
        charges = await self._charges.charges(tx, [(event.tenant_id, event.payload.rating_id) for event, _ in ours])
        tenants = await self._tenants.profiles(tx, {event.tenant_id for event, _ in ours})
        customers = await self._customers.profiles(tx, sorted(buyers))
        finals = []
        for event, invoice_id in ours:
            rating, tenant = event.payload, tenants.get(event.tenant_id)
            customer = customers.get((event.tenant_id, rating.customer_id))
            if tenant is None or customer is None:
                raise NotFound(
                    f"customer {rating.customer_id} of rating {rating.rating_id} does not exist; restore it and requeue",
                    code="customer_not_found",
                )
            lines = charges.get((event.tenant_id, rating.rating_id), ())
            document = of_rating(invoice_id, rating, lines, tenant, customer)
            terms = issue(
                tenant.invoice_prefix, tenant.time_zone, tenant.net_days, rating.closed_at, document.total_minor
            )
            finals.append(Final(document, terms, event))
        await issue_new(tx, self._ledger, finals, written_at)
