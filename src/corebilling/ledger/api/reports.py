"""Routes that show the ledger: accounts, entries, trial balance, ageing, deferred revenue."""

import re
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter

from corebilling.kernel.errors import invalid_field
from corebilling.kernel.journal import DocumentType
from corebilling.ledger.ageing import Ageing
from corebilling.ledger.schemas.ageing import AgeingOut
from corebilling.ledger.schemas.reports import AccountOut, DeferredRevenueOut, EntryFilter, EntryOut, TrialBalanceOut
from corebilling.ledger.service import LedgerService
from corebilling.platform.http import DEFAULT_LIMIT, Cursor, Edge, Limit, NamedDependency, Page, bad_cursor, get

SCOPE = "platform.finance"

_MONTH = re.compile(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])")

From = Annotated[datetime | None, QueryParameter(name="from", description="Effective at this instant or later.")]
AsOf = Annotated[datetime | None, QueryParameter(description="Of what was before this instant; by default all.")]
FromMonth = Annotated[str | None, QueryParameter(name="from_month", description="This month or later: 2026-01.")]
ToMonth = Annotated[str | None, QueryParameter(name="to_month", description="This month or earlier: 2026-12.")]
To = Annotated[datetime | None, QueryParameter(name="to", description="Effective before this instant.")]


@get("/v1/ledger/accounts", scope=SCOPE, summary="List the chart of accounts")
async def list_accounts(
    edge: NamedDependency[Edge], ledger_service: NamedDependency[LedgerService], as_of: AsOf = None
) -> Page[AccountOut]:
    """All accounts, by code, with their balances."""
    return Page(await edge.query(lambda tx: ledger_service.accounts(tx, edge.tenant_id, as_of)))


@get("/v1/ledger/accounts/{account_code:str}", scope=SCOPE, summary="Show an account")
async def show_account(
    account_code: str,
    edge: NamedDependency[Edge],
    ledger_service: NamedDependency[LedgerService],
    as_of: AsOf = None,
) -> AccountOut:
    """One account with its balances."""
    return await edge.query(lambda tx: ledger_service.account(tx, edge.tenant_id, account_code, as_of))


@get("/v1/ledger/entries", scope=SCOPE, summary="List ledger entries")
async def list_entries(
    edge: NamedDependency[Edge],
    ledger_service: NamedDependency[LedgerService],
    account: str | None = None,
    document_id: UUID | None = None,
    customer_id: str | None = None,
    document_type: DocumentType | None = None,
    currency: str | None = None,
    from_at: From = None,
    to_at: To = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[EntryOut]:
    """Newest first; `customer_id` is an id or external id."""
    wanted = EntryFilter(account, document_id, customer_id, from_at, to_at, document_type, currency)
    before = position(cursor)
    rows = await edge.query(
        lambda tx: ledger_service.entries(tx, edge.tenant_id, wanted, before=before, limit=limit + 1)
    )
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


@get("/v1/ledger/trial-balance", scope=SCOPE, summary="Show the trial balance")
async def show_trial_balance(
    edge: NamedDependency[Edge], ledger_service: NamedDependency[LedgerService], as_of: AsOf = None
) -> TrialBalanceOut:
    """Debits and credits of every account by currency, of journals effective before `as_of` (default: all)."""
    return await edge.query(lambda tx: ledger_service.trial_balance(tx, edge.tenant_id, as_of))


@get("/v1/ledger/ageing", scope=SCOPE, summary="Show what customers owe by how long it is overdue")
async def show_ageing(
    edge: NamedDependency[Edge],
    ageing_service: NamedDependency[Ageing],
    as_of: AsOf = None,
    currency: str | None = None,
    customer_id: str | None = None,
    limit: Limit = DEFAULT_LIMIT,
) -> AgeingOut:
    """Open invoices just before `as_of` by currency, the customers who owe most, and with `customer_id` its invoices.

    `customer_id` is a customer's id or external id.
    """
    return await edge.query(
        lambda tx: ageing_service.report(
            tx, edge.tenant_id, as_of=as_of, currency=currency, customer=customer_id, limit=limit
        )
    )


@get("/v1/ledger/deferred-revenue", scope=SCOPE, summary="Show deferred revenue by month")
async def show_deferred_revenue(
    edge: NamedDependency[Edge],
    ledger_service: NamedDependency[LedgerService],
    currency: str | None = None,
    from_month: FromMonth = None,
    to_month: ToMonth = None,
) -> DeferredRevenueOut:
    """What each month earned and will earn of what was billed before it, by revenue account."""
    first, last = month_start("from_month", from_month), month_start("to_month", to_month)
    return await edge.query(lambda tx: ledger_service.deferred_revenue(tx, edge.tenant_id, currency, first, last))


def month_start(name: str, month: str | None) -> date | None:
    """The first day of a month such as `2026-01`. Raises `Invalid` for anything else."""
    if month is None:
        return None
    if not _MONTH.fullmatch(month):
        raise invalid_field(f"/query/{name}", f"'{month}' is no month; send one such as 2026-01")
    return date.fromisoformat(f"{month}-01")


def position(cursor: str | None) -> tuple[UUID, int] | None:
    """The (journal, entry number) that a cursor names: the id of the last entry shown. Raises `Invalid` for anything else."""
    if cursor is None:
        return None
    journal, _, number = cursor.rpartition("-")
    try:
        return UUID(journal), int(number[:5])
    except ValueError:
        raise bad_cursor() from None


ROUTES = (
    list_accounts,
    show_account,
    list_entries,
    show_trial_balance,
    show_ageing,
    show_deferred_revenue,
)
