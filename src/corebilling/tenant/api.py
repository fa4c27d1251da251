"""Routes of tenants: for those who run the installation, and for a tenant about itself."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from litestar.connection import Request
from msgspec import Meta

from corebilling.kernel.ids import new_id
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
from corebilling.tenant.domain.states import TenantStatus
from corebilling.tenant.examples import EXAMPLES
from corebilling.tenant.schemas import (
    ApiKeyCreate,
    ApiKeyOut,
    ClockAdvance,
    ClockOut,
    SettingsPatch,
    TenantCreate,
    TenantOut,
    TenantPatch,
)
from corebilling.tenant.service import TenantService

PICTURES: Final[Mapping[str, Any]] = dict.fromkeys(
    ("image/png", "image/jpeg", "image/svg+xml", "application/octet-stream"),
    Annotated[str, Meta(extra_json_schema={"format": "binary"})],
)
"""What the body of a logo is sent as; its content decides."""


@post("/v1/tenants", scope="platform.admin", summary="Create a tenant")
async def create_tenant(
    data: TenantCreate, edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> Response[TenantOut]:
    """Creates the tenant with its default rate card and chart of accounts."""
    tenant_id = new_id()
    return await edge.command_for(
        [tenant_id], lambda tx: tenant_service.create(tx, data, tenant_id=tenant_id), status=201
    )


@get("/v1/tenants", scope="platform.admin", summary="List tenants")
async def list_tenants(
    edge: NamedDependency[Edge],
    tenant_service: NamedDependency[TenantService],
    status: TenantStatus | None = None,
    sandbox: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[TenantOut]:
    """Newest first."""
    after = after_id(cursor)
    found = await edge.system(
        lambda tx: tenant_service.find(tx, after=after, limit=limit + 1, status=status, sandbox=sandbox)
    )
    return page(found, limit, key=lambda tenant: tenant.id)


@get("/v1/tenants/{tenant_id:uuid}", scope="platform.admin", summary="Get a tenant")
async def get_tenant(
    tenant_id: UUID, edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> TenantOut:
    """One tenant."""
    return await edge.system(lambda tx: tenant_service.get(tx, tenant_id))


@patch("/v1/tenants/{tenant_id:uuid}", scope="platform.admin", summary="Change, suspend or take up a tenant")
async def update_tenant(
    tenant_id: UUID, data: TenantPatch, edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> TenantOut:
    """Only the fields sent change. A suspended tenant's API keys are refused until it is active again."""
    return await edge.system(lambda tx: tenant_service.update(tx, tenant_id, data))


@post("/v1/tenants/{tenant_id:uuid}/api-keys", scope="platform.admin", summary="Create an API key of a tenant")
async def create_api_key(
    tenant_id: UUID, data: ApiKeyCreate, edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> Response[ApiKeyOut]:
    """The answer holds the secret, which is shown this once and not stored."""
    return await edge.command_for(
        [tenant_id], lambda tx: tenant_service.create_api_key(tx, tenant_id, data), status=201, secret=True
    )


@get("/v1/tenants/{tenant_id:uuid}/api-keys", scope="platform.admin", summary="List a tenant's API keys")
async def list_api_keys(
    tenant_id: UUID,
    edge: NamedDependency[Edge],
    tenant_service: NamedDependency[TenantService],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[ApiKeyOut]:
    """Newest first, revoked ones too."""
    after = after_id(cursor)
    found = await edge.system(lambda tx: tenant_service.find_api_keys(tx, tenant_id, after=after, limit=limit + 1))
    return page(found, limit, key=lambda key: key.id)


@delete(
    "/v1/tenants/{tenant_id:uuid}/api-keys/{api_key_id:uuid}",
    scope="platform.admin",
    summary="Revoke an API key",
    status_code=200,
)
async def revoke_api_key(
    tenant_id: UUID, api_key_id: UUID, edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> ApiKeyOut:
    """The key stops working for good, everywhere within seconds: processes remember for a moment who called."""
    return await edge.system(lambda tx: tenant_service.revoke_api_key(tx, tenant_id, api_key_id))


@get("/v1/settings", scope="billing:admin", summary="Get the tenant's own settings")
async def get_settings(edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]) -> TenantOut:
    """The tenant that is calling."""
    return await edge.query(lambda tx: tenant_service.get(tx, edge.tenant_id))


@patch("/v1/settings", scope="billing:admin", summary="Change the tenant's own settings")
async def update_settings(
    data: SettingsPatch, edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> Response[TenantOut]:
    """Only the fields sent change; invoices already made keep what they have."""
    return await edge.command(lambda tx: tenant_service.update_settings(tx, edge.tenant_id, data), status=200)


@put("/v1/settings/logo", scope="billing:admin", summary="Set the tenant's logo", status_code=204, consumes=PICTURES)
async def put_logo(
    request: Request[Any, Any, Any], edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> Response[None]:
    """The body is the picture itself: PNG, JPEG or SVG, told apart by content, up to 256 KiB and 4,096 pixels a side.

    An SVG holds shapes and text only: no scripts, nothing from elsewhere. Documents made from now on have it.
    """
    image = await request.body()
    return await edge.command(lambda tx: tenant_service.put_logo(tx, edge.tenant_id, image), status=204)


@get("/v1/settings/logo", scope="billing:admin", summary="Get the tenant's logo", produces="image/*")
async def get_logo(edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]) -> Response[bytes]:
    """The picture as it was sent."""
    media_type, image = await edge.query(lambda tx: tenant_service.logo_file(tx, edge.tenant_id))
    return Response(image, media_type=media_type, headers={"Content-Security-Policy": "default-src 'none'; sandbox"})


@delete("/v1/settings/logo", scope="billing:admin", summary="Delete the tenant's logo")
async def delete_logo(edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]) -> Response[None]:
    """Documents made from now on have none."""
    return await edge.command(lambda tx: tenant_service.delete_logo(tx, edge.tenant_id), status=204)


@get("/v1/test-clock", scope="billing:admin", summary="Get the sandbox's test clock")
async def get_test_clock(edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]) -> ClockOut:
    """Wall time until the clock is first set."""
    return await edge.query(lambda tx: tenant_service.test_clock(tx, edge.tenant_id))


@post("/v1/test-clock/advance", scope="billing:admin", summary="Advance the sandbox's test clock", status_code=202)
async def advance_test_clock(
    data: ClockAdvance, edge: NamedDependency[Edge], tenant_service: NamedDependency[TenantService]
) -> Response[ClockOut]:
    """Ordered here, done by a worker that stops wherever something falls due; poll `GET /v1/test-clock` until it is ready."""
    return await edge.command(lambda tx: tenant_service.advance(tx, edge.tenant_id, data), status=202)


ROUTES = (
    create_tenant,
    list_tenants,
    get_tenant,
    update_tenant,
    create_api_key,
    list_api_keys,
    revoke_api_key,
    get_settings,
    update_settings,
    put_logo,
    get_logo,
    delete_logo,
    get_test_clock,
    advance_test_clock,
)

__all__ = ["EXAMPLES", "ROUTES"]
