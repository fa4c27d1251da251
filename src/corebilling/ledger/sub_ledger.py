"""The ledger by customer: what each owes, less its credit, and the journals that changed it."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from corebilling.kernel import accounts
from corebilling.kernel.journal import DocumentType
from corebilling.kernel.subledger import CustomerAccount, Movement
from corebilling.ledger.queries import sub_ledger as queries
from corebilling.platform.db import Tx

ACCOUNTS: Final = (
    accounts.RECEIVABLE,
    accounts.CUSTOMER_CREDIT,
    accounts.CARRIED_CREDIT,
    accounts.REFUNDS_PAYABLE,
)
"""Taken together they are what a customer owes, or has to its credit."""

_NONE = UUID(int=0)


class SubLedger:
    """Reads entries by customer. Only what takes effect before the end of the period that is asked for counts."""

    async def count(self, tx: Tx, tenant_id: UUID) -> int:
        """How many customers have entries at all."""
        return await queries.count_customers_of_ledger(tx.conn, tenant_id=tenant_id) or 0

    async def customers(self, tx: Tx, tenant_id: UUID, after: UUID | None, limit: int) -> list[UUID]:
        """Customers with entries, in the order of their ids, after the one given."""
        return await queries.customers_of_ledger(tx.conn, tenant_id=tenant_id, after_id=after or _NONE, page=limit)

    async def accounts(
        self, tx: Tx, tenant_id: UUID, customer_ids: Collection[UUID], start: datetime, end: datetime
    ) -> list[CustomerAccount]:
        """These customers' accounts over `[start, end)`, one for each currency in which they had entries before its end."""
        rows = await queries.balances_of_customers(
            tx.conn,
            customer_ids=sorted(set(customer_ids)),
            tenant_id=tenant_id,
            accounts=ACCOUNTS,
            period_start=start,
            period_end=end,
            none=_NONE,
        )
        journals = await self._journals(tx, tenant_id, {row.journal_id for row in rows} - {_NONE})
        openings: dict[tuple[UUID, str], int] = {}
        movements: dict[tuple[UUID, str], list[Movement]] = {}
        for row in rows:
            key = row.customer_id, row.currency
            moved = movements.setdefault(key, [])
            if row.journal_id == _NONE:
                openings[key] = row.amount_minor
            else:
                moved.append(_movement(journals[row.journal_id], row.amount_minor))
        return [
            CustomerAccount(*key, openings.get(key, 0), tuple(sorted(moved, key=_order)))
            for key, moved in sorted(movements.items())
        ]

    async def _journals(
        self, tx: Tx, tenant_id: UUID, ids: Collection[UUID]
    ) -> dict[UUID, queries.JournalsOfMovementsRow]:
        if not ids:
            return {}
        rows = await queries.journals_of_movements(tx.conn, tenant_id=tenant_id, journal_ids=sorted(ids))
        return {row.journal_id: row for row in rows}


def _movement(journal: queries.JournalsOfMovementsRow, amount_minor: int) -> Movement:
    document_type: DocumentType = msgspec.convert(journal.document_type, DocumentType)
    return Movement(
        journal.journal_id,
        document_type,
        journal.document_id,
        journal.effective_at,
        journal.description,
        amount_minor,
    )


def _order(moved: Movement) -> tuple[datetime, UUID]:
    return moved.effective_at, moved.journal_id
