"""Routes of the ledger. It has none that writes: journals come from documents alone."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter

from corebilling.ledger.schemas.reports import AccountOut, EntryFilter, EntryOut, TrialBalanceOut
from corebilling.ledger.service import LedgerService
from corebilling.platform.http import DEFAULT_LIMIT, Cursor, Edge, Limit, NamedDependency, Page, bad_cursor, get

SCOPE = "platform.finance"

From = Annotated[datetime | None, QueryParameter(name="from", description="Effective at this instant or later.")]
To = Annotated[datetime | None, QueryParameter(name="to", description="Effective before this instant.")]


@get("/v1/ledger/accounts", scope=SCOPE, summary="List the chart of accounts")
async def list_accounts(
    edge: NamedDependency[Edge], ledger_service: NamedDependency[LedgerService]
) -> Page[AccountOut]:
    """All accounts, by code."""
    return Page(await edge.query(lambda tx: ledger_service.accounts(tx, edge.tenant_id)))


@get("/v1/ledger/entries", scope=SCOPE, summary="List ledger entries")
async def list_entries(
    edge: NamedDependency[Edge],
    ledger_service: NamedDependency[LedgerService],
    account: str | None = None,
    document_id: UUID | None = None,
    customer_id: UUID | None = None,
    from_at: From = None,
    to_at: To = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[EntryOut]:
    """Newest first."""
    wanted = EntryFilter(account, document_id, customer_id, from_at, to_at)
    before = position(cursor)
    rows = await edge.query(
        lambda tx: ledger_service.entries(tx, edge.tenant_id, wanted, before=before, limit=limit + 1)
    )
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


@get("/v1/ledger/trial-balance", scope=SCOPE, summary="Show the trial balance")
async def show_trial_balance(
    edge: NamedDependency[Edge], ledger_service: NamedDependency[LedgerService], as_of: datetime | None = None
) -> TrialBalanceOut:
    """Debits and credits of every account by currency, of journals effective before `as_of` (default: all)."""
    return await edge.query(lambda tx: ledger_service.trial_balance(tx, edge.tenant_id, as_of))


def position(cursor: str | None) -> tuple[UUID, int] | None:
    """The (journal, entry number) that a cursor names: the id of the last entry shown. Raises `Invalid` for anything else."""
    if cursor is None:
        return None
    journal, _, number = cursor.rpartition("-")
    try:
        return UUID(journal), int(number[:5])
    except ValueError:
        raise bad_cursor() from None


ROUTES = (list_accounts, list_entries, show_trial_balance)
