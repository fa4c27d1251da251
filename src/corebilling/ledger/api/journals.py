"""Routes of journals, those by hand, and closed months."""

from datetime import date
from uuid import UUID

from corebilling.kernel.journal import DocumentType
from corebilling.ledger.api.reports import SCOPE, From, To
from corebilling.ledger.manual import ManualJournals
from corebilling.ledger.periods import LedgerPeriods
from corebilling.ledger.schemas.journals import AccountCreate, JournalDetailOut, JournalOut, ManualJournalCreate
from corebilling.ledger.schemas.periods import ClosedMonthsOut, PeriodClose
from corebilling.ledger.schemas.reports import AccountOut
from corebilling.ledger.service import LedgerService
from corebilling.platform.db import Tx
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    bad_cursor,
    cursor_of,
    get,
    page,
    place_of,
    post,
)


@post("/v1/ledger/accounts", scope=SCOPE, status_code=201, summary="Open an account")
async def open_account(
    data: AccountCreate, edge: NamedDependency[Edge], manual_journals: NamedDependency[ManualJournals]
) -> Response[AccountOut]:
    """An account of the tenant's own, for journals by hand."""
    return await edge.command(lambda tx: manual_journals.open_account(tx, edge.tenant_id, data), status=201)


@post("/v1/ledger/journals", scope=SCOPE, status_code=201, summary="Post a journal by hand")
async def post_journal(
    data: ManualJournalCreate,
    edge: NamedDependency[Edge],
    manual_journals: NamedDependency[ManualJournals],
    ledger_service: NamedDependency[LedgerService],
) -> Response[JournalDetailOut]:
    """Balanced, in one currency. In a closed month it takes effect at the first instant that is open."""

    async def work(tx: Tx) -> JournalDetailOut:
        journal_id = await manual_journals.post(tx, edge.tenant_id, data, edge.principal.subject)
        return await ledger_service.journal(tx, edge.tenant_id, journal_id)

    return await edge.command(work, status=201)


@get("/v1/ledger/journals", scope=SCOPE, summary="List journals")
async def list_journals(
    edge: NamedDependency[Edge],
    ledger_service: NamedDependency[LedgerService],
    document_type: DocumentType | None = None,
    from_at: From = None,
    to_at: To = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[JournalOut]:
    """Newest first."""
    before = after_id(cursor)
    rows = await edge.query(
        lambda tx: ledger_service.journals(
            tx,
            edge.tenant_id,
            document_type=document_type,
            from_at=from_at,
            to_at=to_at,
            before=before,
            limit=limit + 1,
        )
    )
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/ledger/journals/{journal_id:uuid}", scope=SCOPE, summary="Show a journal")
async def show_journal(
    journal_id: UUID, edge: NamedDependency[Edge], ledger_service: NamedDependency[LedgerService]
) -> JournalDetailOut:
    """With its entries, and the months that earn what it put off."""
    return await edge.query(lambda tx: ledger_service.journal(tx, edge.tenant_id, journal_id))


@post("/v1/ledger/periods", scope=SCOPE, status_code=201, summary="Close months")
async def close_period(
    data: PeriodClose, edge: NamedDependency[Edge], ledger_periods: NamedDependency[LedgerPeriods]
) -> Response[ClosedMonthsOut]:
    """Closes all months through this one, for good: whatever is posted later takes effect in a month that is open."""
    return await edge.command(
        lambda tx: ledger_periods.close(tx, edge.tenant_id, data.through, edge.principal.subject), status=201
    )


@get("/v1/ledger/periods", scope=SCOPE, summary="List closed months")
async def list_periods(
    edge: NamedDependency[Edge],
    ledger_periods: NamedDependency[LedgerPeriods],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[ClosedMonthsOut]:
    """The latest first. A closing that skipped months closed them as well."""
    before = _month(cursor)
    rows = await edge.query(lambda tx: ledger_periods.find(tx, edge.tenant_id, before=before, limit=limit + 1))
    return Page(rows[:limit], cursor_of(rows[limit - 1].id.encode()) if len(rows) > limit else None)


def _month(cursor: str | None) -> date | None:
    """The month that a cursor names. Raises `Invalid` for anything we didn't hand out."""
    if cursor is None:
        return None
    try:
        return date.fromisoformat(f"{place_of(cursor).decode()}-01")
    except ValueError:
        raise bad_cursor() from None


ROUTES = (open_account, post_journal, list_journals, show_journal, close_period, list_periods)
