"""What was left of invoices at any instant, for the ledger's ageing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from corebilling.invoice.queries import receivables as queries
from corebilling.kernel.journal import AccountBalance
from corebilling.kernel.receivable import Aged, Receivable
from corebilling.platform.db import Tx


class Receivables:
    """Looks back by the changes that each invoice's state had. Drafts, void and uncollectible invoices owe nothing."""

    async def balances(self, tx: Tx) -> list[AccountBalance]:
        """What Accounts receivable (1200) must be, across tenants: what is left of open invoices now. For the ledger's proof.

        Less what credit notes of the time before wallets left on it: nobody's grants have that.
        """
        rows = await queries.owed_in_all(tx.conn)
        return [AccountBalance(row.tenant_id, row.currency, int(row.left_minor)) for row in rows]

    async def open_at(
        self, tx: Tx, tenant_id: UUID, as_of: datetime, *, currency: str | None, customer_id: UUID | None, limit: int
    ) -> Sequence[Receivable]:
        """The invoices of which something was left just before `as_of`, those due first in front."""
        rows = await queries.left_at(
            tx.conn, tenant_id=tenant_id, as_of=as_of, currency=currency, customer_id=customer_id, page=limit
        )
        return [
            Receivable(r.invoice_id, r.number, r.customer_id, r.currency, r.issued_at, r.due_at, r.left_minor)
            for r in rows
        ]

    async def aged(
        self, tx: Tx, tenant_id: UUID, as_of: datetime, *, currency: str | None, customer_id: UUID | None
    ) -> Sequence[Aged]:
        """What was left just before `as_of`, by currency."""
        over_30, over_60, over_90 = (_before(as_of, days) for days in (30, 60, 90))
        rows = await queries.aged_totals(
            tx.conn, tenant_id=tenant_id, as_of=as_of, currency=currency, customer_id=customer_id,
            over_30=over_30, over_60=over_60, over_90=over_90,
        )  # fmt: skip
        return [_aged(row, None, row.customer_count or 0) for row in rows]

    async def aged_customers(
        self, tx: Tx, tenant_id: UUID, as_of: datetime, *, currency: str | None, customer_id: UUID | None, limit: int
    ) -> Sequence[Aged]:
        """The same by customer and currency, those who owe most first."""
        over_30, over_60, over_90 = (_before(as_of, days) for days in (30, 60, 90))
        rows = await queries.aged_customers(
            tx.conn, tenant_id=tenant_id, as_of=as_of, currency=currency, customer_id=customer_id,
            over_30=over_30, over_60=over_60, over_90=over_90, page=limit,
        )  # fmt: skip
        return [_aged(row, row.customer_id, 1) for row in rows]


def _before(as_of: datetime, days: int) -> datetime:
    """So many days before; where the calendar ends before that, the instant itself: nothing was due then."""
    try:
        return as_of - timedelta(days=days)
    except OverflowError:
        return as_of


def _aged(row: queries.AgedTotalsRow | queries.AgedCustomersRow, customer_id: UUID | None, customers: int) -> Aged:
    assert row.currency is not None, "an invoice has a currency"
    return Aged(
        currency=row.currency,
        customer_id=customer_id,
        customer_count=customers,
        not_due_minor=int(row.not_due_minor or 0),
        days_0_30_minor=int(row.days_0_30_minor or 0),
        days_31_60_minor=int(row.days_31_60_minor or 0),
        days_61_90_minor=int(row.days_61_90_minor or 0),
        over_90_minor=int(row.over_90_minor or 0),
    )
