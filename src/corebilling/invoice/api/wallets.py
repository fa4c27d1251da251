"""Routes of customers' credit."""

from uuid import UUID

from corebilling.invoice.schemas import InvoiceDetailOut
from corebilling.invoice.schemas.wallets import GrantCreate, GrantDetailOut, GrantOut, TopUp, WalletOut
from corebilling.invoice.service import InvoiceService
from corebilling.invoice.wallet_service import WalletService
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
    get,
    page,
    post,
    put,
)

READ, WRITE = "billing:read", "billing:write"


@get("/v1/wallets", scope=READ, summary="List wallets")
async def list_wallets(
    edge: NamedDependency[Edge],
    wallet_service: NamedDependency[WalletService],
    customer_id: str | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[WalletOut]:
    """What customers have in credit, one wallet for each of their currencies; `customer_id` is an id or external id."""
    after = after_id(cursor)
    rows = await edge.query(
        lambda tx: wallet_service.find(tx, edge.tenant_id, customer=customer_id, after=after, limit=limit + 1)
    )
    return page(rows, limit, key=lambda row: row.id)


@put("/v1/wallets/top-up", scope=WRITE, status_code=200, summary="Set what is bought when a wallet runs low")
async def set_top_up(
    data: TopUp, edge: NamedDependency[Edge], wallet_service: NamedDependency[WalletService]
) -> Response[WalletOut]:
    """`wallet.depleted` is told once the balance falls below the threshold, or to nothing; nothing is charged by itself."""
    return await edge.command(lambda tx: wallet_service.set_top_up(tx, edge.tenant_id, data), status=200)


@post("/v1/wallets/grants", scope=WRITE, status_code=201, summary="Give a customer credit")
async def create_grant(
    data: GrantCreate, edge: NamedDependency[Edge], wallet_service: NamedDependency[WalletService]
) -> Response[GrantDetailOut]:
    """Credit that was paid for, or is given. It pays the customer's next invoices when they are issued."""
    return await edge.command(lambda tx: wallet_service.grant(tx, edge.tenant_id, data), status=201)


@get("/v1/wallets/grants", scope=READ, summary="List credit that customers got")
async def list_grants(
    edge: NamedDependency[Edge],
    wallet_service: NamedDependency[WalletService],
    customer_id: str | None = None,
    currency: str | None = None,
    only_left: bool = False,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[GrantOut]:
    """Newest first; `customer_id` is an id or external id, `only_left` leaves out those that are used up."""
    after = after_id(cursor)
    rows = await edge.query(
        lambda tx: wallet_service.find_grants(
            tx,
            edge.tenant_id,
            customer=customer_id,
            currency=currency,
            only_left=only_left,
            after=after,
            limit=limit + 1,
        )
    )
    return page(rows, limit, key=lambda row: row.id)


@get("/v1/wallets/grants/{grant_id:uuid}", scope=READ, summary="Show credit and what became of it")
async def show_grant(
    grant_id: UUID, edge: NamedDependency[Edge], wallet_service: NamedDependency[WalletService]
) -> GrantDetailOut:
    """With the invoices that it paid."""
    return await edge.query(lambda tx: wallet_service.get_grant(tx, edge.tenant_id, grant_id))


@post("/v1/wallets/grants/{grant_id:uuid}/expire", scope=WRITE, status_code=200, summary="Let credit run out now")
async def expire_grant(
    grant_id: UUID, edge: NamedDependency[Edge], wallet_service: NamedDependency[WalletService]
) -> Response[GrantDetailOut]:
    """What is left of it is gone, and on the books as income (or as a promotion that wasn't used)."""
    return await edge.command(lambda tx: wallet_service.expire(tx, edge.tenant_id, grant_id), status=200)


@post("/v1/invoices/{invoice_id:uuid}/apply-credit", scope=WRITE, status_code=200, summary="Pay an invoice with credit")
async def apply_credit(
    invoice_id: UUID,
    edge: NamedDependency[Edge],
    invoice_service: NamedDependency[InvoiceService],
    wallet_service: NamedDependency[WalletService],
) -> Response[InvoiceDetailOut]:
    """Uses the customer's credit on an open invoice, for credit that came after it was issued."""

    async def work(tx: Tx) -> InvoiceDetailOut:
        await wallet_service.apply(tx, edge.tenant_id, invoice_id)
        return await invoice_service.get(tx, edge.tenant_id, invoice_id)

    return await edge.command(work, status=200)


ROUTES = (list_wallets, set_top_up, create_grant, list_grants, show_grant, expire_grant, apply_credit)
