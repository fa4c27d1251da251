"""Reading the ledger: accounts, entries, trial balance."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args
from uuid import UUID

from corebilling.kernel.journal import DocumentType
from corebilling.ledger.queries import reports as queries
from corebilling.ledger.queries.models import Entry, LedgerAccount
from corebilling.ledger.queries.reports import AccountTotalsAsOfRow, AccountTotalsRow
from corebilling.ledger.schemas.reports import (
    AccountOut,
    AccountTotalOut,
    CurrencyTotalOut,
    EntryFilter,
    EntryOut,
    TrialBalanceOut,
)
from corebilling.platform.db import Tx

_NEWEST = (UUID(int=2**128 - 1), 2**15 - 1)


async def accounts(tx: Tx, tenant_id: UUID) -> list[AccountOut]:
    """The tenant's chart of accounts, by code."""
    rows = await queries.list_accounts(tx.conn, tenant_id=tenant_id)
    return [AccountOut(row.code, row.name, row.kind) for row in rows]


async def entries(
    tx: Tx, tenant_id: UUID, wanted: EntryFilter, before: tuple[UUID, int] | None, limit: int
) -> list[EntryOut]:
    """Entries with their journals, newest first, before the (journal, entry number) given."""
    rows = await _rows(tx, tenant_id, wanted, before or _NEWEST, limit)
    journals = {
        journal.journal_id: journal
        for journal in await queries.journals_by_id(
            tx.conn, tenant_id=tenant_id, journal_ids=sorted({row.journal_id for row in rows})
        )
    }
    return [
        EntryOut(
            id=f"{row.journal_id}-{row.entry_no}",
            journal_id=row.journal_id,
            entry_no=row.entry_no,
            account=row.account,
            currency=row.currency,
            amount_minor=row.amount_minor,
            customer_id=row.customer_id,
            document_type=journals[row.journal_id].document_type,
            document_id=journals[row.journal_id].document_id,
            description=journals[row.journal_id].description,
            effective_at=journals[row.journal_id].effective_at,
            posted_at=journals[row.journal_id].posted_at,
            journal_digest=journals[row.journal_id].digest.hex(),
        )
        for row in rows
    ]


async def _rows(tx: Tx, tenant_id: UUID, wanted: EntryFilter, before: tuple[UUID, int], limit: int) -> Sequence[Entry]:
    """By the query whose index narrows most."""
    if wanted.document_id is not None:
        return await queries.list_document_entries(
            tx.conn, tenant_id=tenant_id, document_id=wanted.document_id, document_types=get_args(DocumentType),
            customer_id=wanted.customer_id, account=wanted.account, from_at=wanted.from_at, to_at=wanted.to_at,
            before_journal_id=before[0], before_entry_no=before[1], page=limit,
        )  # fmt: skip
    if wanted.customer_id is not None:
        return await queries.list_customer_entries(
            tx.conn, tenant_id=tenant_id, customer_id=wanted.customer_id, account=wanted.account,
            from_at=wanted.from_at, to_at=wanted.to_at,
            before_journal_id=before[0], before_entry_no=before[1], page=limit,
        )  # fmt: skip
    return await queries.list_entries(
        tx.conn, tenant_id=tenant_id, account=wanted.account, from_at=wanted.from_at, to_at=wanted.to_at,
        before_journal_id=before[0], before_entry_no=before[1], page=limit,
    )  # fmt: skip


async def trial_balance(tx: Tx, tenant_id: UUID, as_of: datetime | None) -> TrialBalanceOut:
    """Debits and credits of every account, by currency, of journals effective before `as_of` (None: all)."""
    chart = {row.code: row for row in await queries.list_accounts(tx.conn, tenant_id=tenant_id)}
    rows: Sequence[AccountTotalsRow | AccountTotalsAsOfRow]
    if as_of is None:
        rows = await queries.account_totals(tx.conn, tenant_id=tenant_id)
    else:
        rows = await queries.account_totals_as_of(tx.conn, tenant_id=tenant_id, as_of=as_of)
    currencies = sorted({row.currency for row in rows})
    return TrialBalanceOut(
        as_of,
        [_currency(currency, [row for row in rows if row.currency == currency], chart) for currency in currencies],
    )


def _currency(
    currency: str, rows: Sequence[AccountTotalsRow | AccountTotalsAsOfRow], chart: dict[str, LedgerAccount]
) -> CurrencyTotalOut:
    totals = [
        AccountTotalOut(
            account=row.account,
            name=chart[row.account].name,
            kind=chart[row.account].kind,
            debit_minor=int(row.debit_minor),
            credit_minor=int(row.credit_minor),
            balance_minor=int(row.debit_minor - row.credit_minor),
        )
        for row in rows
    ]
    debit, credit = sum(total.debit_minor for total in totals), sum(total.credit_minor for total in totals)
    return CurrencyTotalOut(currency, totals, debit, credit, debit - credit)
