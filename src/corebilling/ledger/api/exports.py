"""Routes of the export to a general ledger outside."""

from typing import Annotated, cast

from litestar.params import QueryParameter
from litestar.response import Stream

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.ledger.domain.gl_formats import MEDIA_TYPES, SUFFIXES, Format
from corebilling.ledger.gl_export import GeneralLedgerExport, Selection
from corebilling.ledger.schemas.exports import BatchCreate, BatchOut, MappingOut, MappingPatch, Period
from corebilling.platform.db import Tx
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    bad_cursor,
    get,
    patch,
    post,
)

SCOPE = "platform.finance"

Wanted = Annotated[Format, QueryParameter(name="format", description="csv, jsonl, hledger or beancount.")]


@get("/v1/ledger/export", scope=SCOPE, summary="Export journals", produces="text/plain")
async def export_journals(
    edge: NamedDependency[Edge],
    gl_export: NamedDependency[GeneralLedgerExport],
    wanted: Wanted = "csv",
    period: Period | None = None,
    batch: int | None = None,
) -> Response[bytes]:
    """The journals of a month or of a batch, streamed: CSV, JSON lines, or text for hledger or beancount.

    Accounts go by the names that the account mapping gives them. A batch holds the same journals each time; a month
    goes on growing until it is closed.
    """
    tenant_id = edge.tenant_id
    if (period is None) == (batch is None):
        why = "name either a period such as 2026-01 or the number of a batch"
        fields = [FieldError(f"/query/{name}", why) for name in ("period", "batch")]
        raise Invalid(why, code="export_selection", fields=fields)
    if period is not None:
        start, end = await edge.query(lambda tx: gl_export.month(tx, tenant_id, period, "/query/period"))
        name, selection = period, Selection(start, end)
    else:
        assert batch is not None
        made = await edge.query(lambda tx: gl_export.batch(tx, tenant_id, batch))
        name, selection = f"batch-{made.id:06d}", Selection(batch_no=made.id)
    stream = Stream(
        gl_export.text(edge.query, tenant_id, selection, wanted),
        media_type=MEDIA_TYPES[wanted],
        headers={"Content-Disposition": f'attachment; filename="ledger-{name}.{SUFFIXES[wanted]}"'},
    )
    return cast("Response[bytes]", stream)


@post("/v1/ledger/export-batches", scope=SCOPE, status_code=201, summary="Make an export batch")
async def create_batch(
    data: BatchCreate, edge: NamedDependency[Edge], gl_export: NamedDependency[GeneralLedgerExport]
) -> Response[BatchOut]:
    """All journals of a month that are in no batch yet, under the next number: no journal is ever in two."""
    return await edge.command(lambda tx: gl_export.create_batch(tx, edge.tenant_id, data.period), status=201)


@get("/v1/ledger/export-batches", scope=SCOPE, summary="List export batches")
async def list_batches(
    edge: NamedDependency[Edge],
    gl_export: NamedDependency[GeneralLedgerExport],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[BatchOut]:
    """The latest first."""
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise bad_cursor()
    before = int(cursor) if cursor else None
    rows = await edge.query(lambda tx: gl_export.batches(tx, edge.tenant_id, before=before, limit=limit + 1))
    return Page(rows[:limit], str(rows[limit - 1].id) if len(rows) > limit else None)


@get("/v1/ledger/account-mapping", scope=SCOPE, summary="Show the account mapping")
async def show_mapping(
    edge: NamedDependency[Edge], gl_export: NamedDependency[GeneralLedgerExport]
) -> Page[MappingOut]:
    """What accounts are called in the general ledger outside, by code."""
    return Page(await edge.query(lambda tx: gl_export.mappings(tx, edge.tenant_id)))


@patch("/v1/ledger/account-mapping", scope=SCOPE, summary="Change the account mapping")
async def change_mapping(
    data: MappingPatch, edge: NamedDependency[Edge], gl_export: NamedDependency[GeneralLedgerExport]
) -> Response[Page[MappingOut]]:
    """Only the accounts sent change; null takes a name away. Exports made from now on use the names."""

    async def change(tx: Tx) -> Page[MappingOut]:
        return Page(await gl_export.name_accounts(tx, edge.tenant_id, data.accounts))

    return await edge.command(change, status=200)


ROUTES = (export_journals, create_batch, list_batches, show_mapping, change_mapping)
