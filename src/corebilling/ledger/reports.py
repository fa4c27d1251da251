"""Reading the ledger: accounts, entries, trial balance."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import get_args
from uuid import UUID

from corebilling.kernel.errors import NotFound
from corebilling.kernel.journal import DocumentType
from corebilling.ledger.queries import deferrals
from corebilling.ledger.queries import reports as queries
from corebilling.ledger.queries.models import Entry, LedgerAccount
from corebilling.ledger.queries.reports import AccountTotalsAsOfRow, AccountTotalsRow
from corebilling.ledger.schemas.reports import (
    AccountOut,
    AccountTotalOut,
    BalanceOut,
    CurrencyTotalOut,
    DeferredCurrencyOut,
    DeferredMonthOut,
    DeferredRevenueOut,
    EntryFilter,
    EntryOut,
    TrialBalanceOut,
)
from corebilling.platform.db import Tx

_Totals = AccountTotalsRow | AccountTotalsAsOfRow

_NEWEST = (UUID(int=2**128 - 1), 2**15 - 1)


async def accounts(tx: Tx, tenant_id: UUID, as_of: datetime | None) -> list[AccountOut]:
    """The tenant's chart of accounts, by code, with balances of journals effective before `as_of` (None: all)."""
    rows = await queries.list_accounts(tx.conn, tenant_id=tenant_id)
    totals = await _totals(tx, tenant_id, as_of, None)
    return [_account(row, totals) for row in rows]


async def account(tx: Tx, tenant_id: UUID, code: str, as_of: datetime | None) -> AccountOut:
    """One account. Raises `NotFound`."""
    row = await queries.get_account(tx.conn, tenant_id=tenant_id, code=code)
    if row is None:
        raise NotFound(f"there is no account {code}; list accounts to find its code", code="account_not_found")
    return _account(row, await _totals(tx, tenant_id, as_of, code))


async def entries(
    tx: Tx,
    tenant_id: UUID,
    wanted: EntryFilter,
    customer_id: UUID | None,
    before: tuple[UUID, int] | None,
    limit: int,
) -> list[EntryOut]:
    """Entries with their journals, newest first, before the (journal, entry number) given; `customer_id` is who is wanted."""
    rows = await _rows(tx, tenant_id, wanted, customer_id, before or _NEWEST, limit)
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


async def _rows(
    tx: Tx, tenant_id: UUID, wanted: EntryFilter, customer_id: UUID | None, before: tuple[UUID, int], limit: int
) -> Sequence[Entry]:
    """By the query whose index narrows most."""
    if wanted.document_id is not None:
        return await queries.list_document_entries(
            tx.conn, tenant_id=tenant_id, document_id=wanted.document_id, currency=wanted.currency,
            document_types=[wanted.document_type] if wanted.document_type else get_args(DocumentType),
            customer_id=customer_id, account=wanted.account, from_at=wanted.from_at, to_at=wanted.to_at,
            before_journal_id=before[0], before_entry_no=before[1], page=limit,
        )  # fmt: skip
    if customer_id is not None:
        return await queries.list_customer_entries(
            tx.conn, tenant_id=tenant_id, customer_id=customer_id, account=wanted.account,
            currency=wanted.currency, document_type=wanted.document_type, from_at=wanted.from_at, to_at=wanted.to_at,
            before_journal_id=before[0], before_entry_no=before[1], page=limit,
        )  # fmt: skip
    return await queries.list_entries(
        tx.conn, tenant_id=tenant_id, account=wanted.account, from_at=wanted.from_at, to_at=wanted.to_at,
        currency=wanted.currency, document_type=wanted.document_type, before_journal_id=before[0], before_entry_no=before[1], page=limit,
    )  # fmt: skip


async def trial_balance(tx: Tx, tenant_id: UUID, as_of: datetime | None) -> TrialBalanceOut:
    """Debits and credits of every account, by currency, of journals effective before `as_of` (None: all)."""
    chart = {row.code: row for row in await queries.list_accounts(tx.conn, tenant_id=tenant_id)}
    rows = await _totals(tx, tenant_id, as_of, None)
    currencies = sorted({row.currency for row in rows})
    return TrialBalanceOut(
        as_of,
        [_currency(currency, [row for row in rows if row.currency == currency], chart) for currency in currencies],
    )


async def deferred_revenue(
    tx: Tx, tenant_id: UUID, currency: str | None, from_month: date | None, to_month: date | None
) -> DeferredRevenueOut:
    """What each month earned and will earn of what was billed before it."""
    rows = await deferrals.deferred_by_month(
        tx.conn, tenant_id=tenant_id, currency=currency, from_month=from_month, to_month=to_month
    )
    months = [
        DeferredMonthOut(row.currency, row.month, row.account, int(row.recognised_minor), int(row.deferred_minor))
        for row in rows
    ]
    totals = {row.currency: 0 for row in months}
    for row in months:
        totals[row.currency] += row.deferred_minor
    return DeferredRevenueOut([DeferredCurrencyOut(*total) for total in totals.items()], months)


async def _totals(tx: Tx, tenant_id: UUID, as_of: datetime | None, code: str | None) -> Sequence[_Totals]:
    if as_of is None:
        return await queries.account_totals(tx.conn, tenant_id=tenant_id, account=code)
    return await queries.account_totals_as_of(tx.conn, tenant_id=tenant_id, as_of=as_of, account=code)


def _account(row: LedgerAccount, totals: Sequence[_Totals]) -> AccountOut:
    return AccountOut(
        row.code,
        row.name,
        row.kind,
        [
            BalanceOut(
                total.currency,
                int(total.debit_minor),
                int(total.credit_minor),
                int(total.debit_minor - total.credit_minor),
            )
            for total in totals
            if total.account == row.code
        ],
    )


def _currency(currency: str, rows: Sequence[_Totals], chart: dict[str, LedgerAccount]) -> CurrencyTotalOut:
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
