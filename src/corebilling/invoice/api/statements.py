"""Routes of statements of account."""

from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter

from corebilling.invoice.api.downloads import handed_out
from corebilling.invoice.schemas.statements import Month, StatementDetailOut, StatementOut, StatementRequest
from corebilling.invoice.statement_downloads import StatementDownloads, StatementFormat
from corebilling.invoice.statements import StatementFilter, Statements
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    get,
    page,
    post,
)
from corebilling.platform.jobs.schemas import JobOut

READ, RUN = "billing:read", "billing:admin"

Wanted = Annotated[StatementFormat, QueryParameter(name="format", description="pdf or csv.")]


@post("/v1/statements", scope=RUN, summary="Draw up statements", status_code=202)
async def draw_up_statements(
    data: StatementRequest, edge: NamedDependency[Edge], statement_service: NamedDependency[Statements]
) -> Response[JobOut]:
    """Gives each customer a statement of a period that is over, in each of its currencies, where it has none yet.

    Answers a job: its items (`GET /v1/jobs/{job_id}/items`) are the statements made, its `result` says how many. Customers of
    whom nothing moved and who owe nothing get none. Running it again adds what is missing and changes nothing.
    """
    return await edge.command(lambda tx: statement_service.start(tx, edge.tenant_id, data), status=202)


@get("/v1/statements", scope=READ, summary="List statements")
async def list_statements(
    edge: NamedDependency[Edge],
    statement_service: NamedDependency[Statements],
    customer_id: str | None = None,
    currency: str | None = None,
    period: Month | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[StatementOut]:
    """Newest first, without lines; of a customer (id or external id), a currency, a month of the tenant's zone."""
    after, wanted = after_id(cursor), StatementFilter(customer_id, currency, period)
    rows = await edge.query(lambda tx: statement_service.find(tx, edge.tenant_id, wanted, after=after, limit=limit + 1))
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/statements/{statement_id:uuid}", scope=READ, summary="Show a statement")
async def show_statement(
    statement_id: UUID, edge: NamedDependency[Edge], statement_service: NamedDependency[Statements]
) -> StatementDetailOut:
    """A statement with its lines: a row for each journal that moved what the customer owes."""
    return await edge.query(lambda tx: statement_service.get(tx, edge.tenant_id, statement_id))


@get(
    "/v1/statements/{statement_id:uuid}/download",
    scope=READ,
    summary="Download a statement",
    produces="application/*",
)
async def download_statement(
    statement_id: UUID,
    edge: NamedDependency[Edge],
    statement_downloads: NamedDependency[StatementDownloads],
    wanted: Wanted = "pdf",
    redirect: bool = False,
) -> Response[bytes]:
    """The statement as PDF in the customer's language, or as CSV.

    `redirect=true` answers 303 to a URL that is good for five minutes, where the object store can make one.
    """
    content = await edge.query(lambda tx: statement_downloads.statement(tx, edge.tenant_id, statement_id))
    return await handed_out(statement_downloads.files, await statement_downloads.order(content, wanted), redirect)


ROUTES = (draw_up_statements, list_statements, show_statement, download_statement)
