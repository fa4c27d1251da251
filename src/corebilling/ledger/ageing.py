"""Ageing: what customers owe, by how long ago it was due."""

from datetime import datetime
from uuid import UUID

from corebilling.ledger.ports import Clocks, Customers, Receivables
from corebilling.ledger.schemas.ageing import AgeingOut, CurrencyAgeingOut, CustomerAgeingOut
from corebilling.platform.db import Tx


class Ageing:
    """Asks invoice what is left of each invoice, which alone knows when it is due."""

    def __init__(self, *, clocks: Clocks, customers: Customers, receivables: Receivables) -> None:
        self._clocks = clocks
        self._customers = customers
        self._receivables = receivables

    async def report(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        as_of: datetime | None,
        currency: str | None,
        customer: str | None,
        limit: int,
    ) -> AgeingOut:
        """Receivables just before `as_of` (default: now in the tenant's time), with the `limit` customers who owe most.

        With a customer (id or external id), up to `limit` of its invoices as well.
        """
        customer_id = await self._customers.filter_id(tx, tenant_id, customer)
        at = as_of or (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        totals = await self._receivables.aged(tx, tenant_id, at, currency=currency, customer_id=customer_id)
        customers = await self._receivables.aged_customers(
            tx, tenant_id, at, currency=currency, customer_id=customer_id, limit=limit
        )
        invoices = None
        if customer_id is not None:
            invoices = await self._receivables.open_at(
                tx, tenant_id, at, currency=currency, customer_id=customer_id, limit=limit
            )
        return AgeingOut(
            at,
            [CurrencyAgeingOut.of(total) for total in totals],
            [CustomerAgeingOut.of(customer) for customer in customers],
            None if invoices is None else list(invoices),
        )
