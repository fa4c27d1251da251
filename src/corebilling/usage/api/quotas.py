"""Routes of quotas: a tenant's own on customers and meters, and the platform's on tenants."""

from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter

from corebilling.platform.http import (
    DEFAULT_LIMIT,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Response,
    after_id,
    delete,
    get,
    page,
    patch,
    post,
    put,
)
from corebilling.usage.domain.quota import QuotaScope
from corebilling.usage.quotas import QuotaFilter
from corebilling.usage.schemas.quotas import QuotaCreate, QuotaOut, QuotaPatch, TenantQuotaOut, TenantQuotaPut
from corebilling.usage.service import UsageService

_Scope = Annotated[
    QuotaScope | None, QueryParameter(name="scope", description="The platform's on the tenant, or the tenant's.")
]


@post("/v1/usage/quotas", scope="billing:write", summary="Limit what a customer may use")
async def create_quota(
    data: QuotaCreate, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[QuotaOut]:
    """Guards within a second and counts from then on. Meters of `sum` and `count` limit the quantity, others the events.

    `hard` refuses what doesn't fit (`quota_exceeded`), `soft` accepts and flags it. Corrections aren't limited.
    """
    return await edge.command(lambda tx: usage_service.create_quota(tx, edge.tenant_id, data), status=201)


@get("/v1/usage/quotas", scope="billing:read", summary="List quotas")
async def list_quotas(
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
    customer_id: str | None = None,
    meter: str | None = None,
    whose: _Scope = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[QuotaOut]:
    """Newest first, with the present period's use; those that the platform set for the tenant have the scope `tenant`."""
    after = after_id(cursor)
    wanted = QuotaFilter(whose, customer_id, meter)
    found = await edge.query(
        lambda tx: usage_service.list_quotas(tx, edge.tenant_id, wanted, after=after, limit=limit + 1)
    )
    return page(found, limit, key=lambda quota: quota.id)


@get("/v1/usage/quotas/{quota_id:uuid}", scope="billing:read", summary="Get a quota")
async def get_quota(
    quota_id: UUID, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> QuotaOut:
    """One quota with what is used of its present period."""
    return await edge.query(lambda tx: usage_service.get_quota(tx, edge.tenant_id, quota_id))


@patch("/v1/usage/quotas/{quota_id:uuid}", scope="billing:write", summary="Change a quota")
async def update_quota(
    quota_id: UUID,
    data: QuotaPatch,
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
) -> Response[QuotaOut]:
    """What is used already stays counted; a limit or threshold that now lies below it is told as crossed."""
    return await edge.command(lambda tx: usage_service.update_quota(tx, edge.tenant_id, quota_id, data), status=200)


@delete("/v1/usage/quotas/{quota_id:uuid}", scope="billing:write", summary="Take a quota away")
async def delete_quota(
    quota_id: UUID, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[None]:
    """It limits nothing any more, within a second."""
    return await edge.command(lambda tx: usage_service.delete_quota(tx, edge.tenant_id, quota_id), status=204)


@get("/v1/tenants/{tenant_id:uuid}/quota", scope="platform.admin", summary="Get how much a tenant may send")
async def get_tenant_quota(
    tenant_id: UUID, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> TenantQuotaOut:
    """Its limits with what it sent in the present periods; none are listed where it may send what it likes."""
    return await edge.system(lambda tx: usage_service.tenant_quota(tx, tenant_id))


@put("/v1/tenants/{tenant_id:uuid}/quota", scope="platform.admin", summary="Limit how much a tenant may send")
async def put_tenant_quota(
    tenant_id: UUID,
    data: TenantQuotaPut,
    edge: NamedDependency[Edge],
    usage_service: NamedDependency[UsageService],
) -> Response[TenantQuotaOut]:
    """Limits on the events accepted in an hour, a day or a month: those sent replace those there were.

    A limit that stays keeps its count. They guard within a second.
    """
    return await edge.command_for(
        [tenant_id], lambda tx: usage_service.put_tenant_quota(tx, tenant_id, data), status=200
    )


@delete("/v1/tenants/{tenant_id:uuid}/quota", scope="platform.admin", summary="Let a tenant send what it likes")
async def delete_tenant_quota(
    tenant_id: UUID, edge: NamedDependency[Edge], usage_service: NamedDependency[UsageService]
) -> Response[None]:
    """Takes its limits away, within a second. What the tenant set for its customers stays."""
    return await edge.command_for([tenant_id], lambda tx: usage_service.delete_tenant_quota(tx, tenant_id), status=204)


ROUTES = (
    create_quota,
    list_quotas,
    get_quota,
    update_quota,
    delete_quota,
    get_tenant_quota,
    put_tenant_quota,
    delete_tenant_quota,
)
