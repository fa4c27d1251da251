"""Routes of gateway accounts, and the one that gateways themselves call."""

from typing import Any
from uuid import UUID

from litestar.connection import Request

from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.gateways.notices import MOST_BYTES, NoticeIntake
from corebilling.payment.schemas.gateways import (
    GatewayAccountCreate,
    GatewayAccountOut,
    GatewayAccountPatch,
    NoticeOut,
    NoticeTaken,
)
from corebilling.platform.http import (
    DEFAULT_LIMIT,
    PUBLIC,
    Cursor,
    Edge,
    Limit,
    NamedDependency,
    Page,
    Refusal,
    Response,
    after_id,
    get,
    page,
    patch,
    post,
)

SCOPE = "billing:admin"
_JSON = "application/json"

Notice = dict[str, Any]
"""Read as it came, after its signature."""


@post("/v1/gateway-accounts", scope=SCOPE, summary="Add an account at a payment gateway")
async def create_gateway_account(
    data: GatewayAccountCreate, edge: NamedDependency[Edge], gateway_accounts: NamedDependency[GatewayAccounts]
) -> Response[GatewayAccountOut]:
    """Its secrets are kept encrypted and never shown again. The gateway posts its notices to the answer's `notice_path`."""
    return await edge.command(lambda tx: gateway_accounts.create(tx, edge.tenant_id, data), status=201)


@get("/v1/gateway-accounts", scope=SCOPE, summary="List gateway accounts")
async def list_gateway_accounts(
    edge: NamedDependency[Edge],
    gateway_accounts: NamedDependency[GatewayAccounts],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[GatewayAccountOut]:
    """Newest first."""
    after = after_id(cursor)
    found = await edge.query(lambda tx: gateway_accounts.find(tx, edge.tenant_id, after=after, limit=limit + 1))
    return page(found, limit, key=lambda account: account.id)


@get("/v1/gateway-accounts/{account_id:uuid}", scope=SCOPE, summary="Show a gateway account")
async def show_gateway_account(
    account_id: UUID, edge: NamedDependency[Edge], gateway_accounts: NamedDependency[GatewayAccounts]
) -> GatewayAccountOut:
    """One account, without its secrets."""
    return await edge.query(lambda tx: gateway_accounts.get(tx, edge.tenant_id, account_id))


@patch("/v1/gateway-accounts/{account_id:uuid}", scope=SCOPE, summary="Change, disable or take up a gateway account")
async def change_gateway_account(
    account_id: UUID,
    data: GatewayAccountPatch,
    edge: NamedDependency[Edge],
    gateway_accounts: NamedDependency[GatewayAccounts],
) -> Response[GatewayAccountOut]:
    """Only the fields sent change. Notices signed with a replaced secret are taken for another 24 hours."""
    return await edge.command(lambda tx: gateway_accounts.change(tx, edge.tenant_id, account_id, data), status=200)


@get("/v1/gateway-accounts/{account_id:uuid}/notices", scope=SCOPE, summary="List an account's notices")
async def list_gateway_notices(
    account_id: UUID,
    edge: NamedDependency[Edge],
    gateway_accounts: NamedDependency[GatewayAccounts],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[NoticeOut]:
    """What the gateway told by itself, newest first, and what became of it."""
    after = after_id(cursor)
    found = await edge.query(
        lambda tx: gateway_accounts.notices(tx, edge.tenant_id, account_id, after=after, limit=limit + 1)
    )
    return page(found, limit, key=lambda notice: notice.id)


@post(
    "/v1/gateways/{gateway:str}/{account_id:uuid}/webhook",
    scope=PUBLIC,
    status_code=200,
    consumes={_JSON: Notice},
    summary="Take a notice of a payment gateway",
)
async def take_gateway_notice(
    gateway: str, account_id: UUID, request: Request[Any, Any, Any], notice_intake: NamedDependency[NoticeIntake]
) -> NoticeTaken:
    """For gateways. The signature (`Corebilling-Signature` or `Stripe-Signature`) is the credential; the notice is stored as it
    came before it is answered, and worked out after that.
    """
    header, length = (
        _header(request, b"corebilling-signature", b"stripe-signature"),
        _header(request, b"content-length"),
    )
    if length.isdigit() and int(length) > MOST_BYTES:
        raise _too_large()
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise _too_large()
    await notice_intake.take(gateway, account_id, header, body)
    return NoticeTaken(received=True)


def _header(request: Request[Any, Any, Any], *names: bytes) -> str:
    return next((value.decode("latin-1") for name, value in request.scope["headers"] if name in names), "")


def _too_large() -> Refusal:
    return Refusal(413, "notice_too_large", f"a notice has at most {MOST_BYTES} bytes; send less in one")


EXAMPLES = {
    GatewayAccountCreate: {
        "gateway": "http",
        "name": "main",
        "base_url": "https://api.payments.example",
        "api_key": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "webhook_secret": "whsec_5fK2mQ8vXw1yT3hB",
    },
    GatewayAccountPatch: {"status": "disabled"},
    Notice: {
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "data": {
            "object": {
                "id": "pi_1",
                "status": "succeeded",
                "amount": 2500,
                "amount_received": 2500,
                "currency": "eur",
                "metadata": {"reference": "019a7c1e-6b1f-7c3a-9a55-2f0d8f1f9f10"},
            }
        },
    },
}
"""By the type of the body."""

ROUTES = (
    create_gateway_account,
    list_gateway_accounts,
    show_gateway_account,
    change_gateway_account,
    list_gateway_notices,
    take_gateway_notice,
)
