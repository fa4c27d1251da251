"""Routes of tax rates."""

from uuid import UUID

from corebilling.invoice.schemas.tax_rates import TaxRateCreate, TaxRateOut, TaxRateStatus
from corebilling.invoice.tax_rates import TaxRates
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

ADMIN = "billing:admin"


@post("/v1/admin/pricing/tax-rates", scope=ADMIN, summary="Create a tax rate")
async def create_tax_rate(
    data: TaxRateCreate, edge: NamedDependency[Edge], tax_rate_service: NamedDependency[TaxRates]
) -> Response[TaxRateOut]:
    """Its terms never change: one like it with a later `valid_from` takes its place from that day on."""
    return await edge.command(lambda tx: tax_rate_service.create(tx, edge.tenant_id, data), status=201)


@get("/v1/admin/pricing/tax-rates", scope=ADMIN, summary="List tax rates")
async def list_tax_rates(
    edge: NamedDependency[Edge],
    tax_rate_service: NamedDependency[TaxRates],
    country: str | None = None,
    name: str | None = None,
    status: TaxRateStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[TaxRateOut]:
    """Newest first. All filters that are given must hold."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: tax_rate_service.find(
            tx, edge.tenant_id, after=after, limit=limit + 1, country=country, name=name, status=status
        )
    )
    return page(found, limit, key=lambda rate: rate.id)


@get("/v1/admin/pricing/tax-rates/{tax_rate_id:uuid}", scope=ADMIN, summary="Get a tax rate")
async def get_tax_rate(
    tax_rate_id: UUID, edge: NamedDependency[Edge], tax_rate_service: NamedDependency[TaxRates]
) -> TaxRateOut:
    """One rate, in use or archived."""
    return await edge.query(lambda tx: tax_rate_service.get(tx, edge.tenant_id, tax_rate_id))


@post("/v1/admin/pricing/tax-rates/{tax_rate_id:uuid}/archive", scope=ADMIN, summary="Archive a tax rate")
async def archive_tax_rate(
    tax_rate_id: UUID, edge: NamedDependency[Edge], tax_rate_service: NamedDependency[TaxRates]
) -> Response[TaxRateOut]:
    """Invoices that are issued from now on don't have it; those that have it keep it."""
    return await edge.command(lambda tx: tax_rate_service.archive(tx, edge.tenant_id, tax_rate_id), status=200)


ROUTES = (create_tax_rate, list_tax_rates, get_tax_rate, archive_tax_rate)
