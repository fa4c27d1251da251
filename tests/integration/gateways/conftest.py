"""A shop that charges through a gateway: the real services on a real database, a gateway on loopback, and payment workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from corebilling.cli.client import until
from corebilling.container import Container
from corebilling.kernel.ids import new_id
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.payment.worker import PaymentWorker
from corebilling.platform.secrets import generate_key
from corebilling.roles.api import application
from corebilling.settings import Settings
from corebilling.tenant.schemas import ApiKeyCreate, TenantCreate
from factories import EVERY_SCOPE, PATIENCE_SECONDS
from gateways import API_KEY, NOTICE_SECRET, FakeGateway

QUICK = GatewayConfig(
    timeout_seconds=0.5,
    lease_slack_seconds=0.5,
    certain_seconds=0.2,
    first_delay_seconds=0.05,
    longest_delay_seconds=0.5,
    poll_seconds=0.3,
    breaker_seconds=0.5,
    allow_private_targets=True,
)


@pytest.fixture(scope="session")
def encryption_key() -> str:
    return generate_key()


@pytest.fixture
async def container(database_url: str, encryption_key: str) -> AsyncIterator[Container]:
    """Everything wired as in production."""
    settings = Settings(
        database_url=database_url, encryption_keys=(encryption_key,), gateway_allow_private_targets=True
    )
    made = Container(settings=settings)
    await made.database().open()
    yield made
    await made.database().close()


@dataclass
class Shop:
    """A tenant with a gateway account, and what tests do on its behalf."""

    tenant_id: UUID
    http: httpx.AsyncClient
    account: dict[str, Any]

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """A request's answer, which must be a success or have that status."""
        answer = await self.http.request(method, path, json=body)
        assert answer.is_success if status is None else answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def customer(self, name: str, token: str | None = "tok_good") -> str:
        """A customer, with a payment method unless there is no token."""
        await self.call("POST", "/v1/customers", {"external_id": name, "name": name})
        if token is not None:
            body = {"customer_id": name, "gateway_account_id": self.account["id"], "token": token}
            await self.call("POST", "/v1/payment-methods", body)
        return name

    async def invoice(self, customer: str, amount: str = "12.00") -> str:
        """An open invoice; its id."""
        lines = [{"description": "Consulting", "unit_amount": amount}]
        made = await self.call("POST", "/v1/invoices", {"customer_id": customer, "lines": lines, "finalize": True})
        return str(made["id"])

    async def pay(self, invoice_id: str) -> str:
        """A payment asked for; its id."""
        return str((await self.call("POST", "/v1/payments", {"invoice_id": invoice_id}))["id"])

    async def asked(self, name: str, token: str = "tok_good") -> tuple[str, str]:
        """A customer, an invoice and a payment of it: (invoice, payment)."""
        invoice = await self.invoice(await self.customer(name, token))
        return invoice, await self.pay(invoice)

    async def payment(self, payment_id: str) -> dict[str, Any]:
        return dict(await self.call("GET", f"/v1/payments/{payment_id}"))

    async def status(self, payment_id: str, *wanted: str) -> dict[str, Any]:
        """The payment once it has one of those states."""
        seen: dict[str, Any] = {}

        async def there() -> bool:
            seen.update(await self.payment(payment_id))
            return seen["status"] in wanted

        await until(there, seconds=PATIENCE_SECONDS, what=f"{payment_id} to be {wanted}", every_seconds=0.02)
        return seen

    async def paid(self, invoice_id: str) -> bool:
        return bool((await self.call("GET", f"/v1/invoices/{invoice_id}"))["status"] == "paid")

    async def notices(self) -> list[dict[str, Any]]:
        return list((await self.call("GET", f"/v1/gateway-accounts/{self.account['id']}/notices"))["data"])

    async def notify(self, body: bytes, signature: str) -> int:
        """Be called by the gateway."""
        headers = {"Corebilling-Signature": signature, "Content-Type": "application/json", "X-API-Key": ""}
        return (await self.http.post(self.account["notice_path"], content=body, headers=headers)).status_code


NewShop = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def new_shop(container: Container) -> AsyncIterator[NewShop]:
    """`await new_shop(gateway)`: a sandbox tenant whose customers pay there."""
    clients: list[httpx.AsyncClient] = []
    app = application(container)

    async def create(gateway: FakeGateway, *, sandbox: bool = True) -> Shop:
        tenants, tenant_id = container.tenant_service(), new_id()
        async with container.database().tenants([tenant_id]) as tx:
            wanted = TenantCreate(name="Ada & Sons", currency="EUR", sandbox=sandbox)
            await tenants.create(tx, wanted, tenant_id=tenant_id)
            key = await tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="t", scopes=list(EVERY_SCOPE)))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://corebilling", headers={"X-API-Key": str(key.secret)}
        )
        clients.append(client)
        shop = Shop(tenant_id, client, {})
        body = {
            "gateway": "http", "name": "main", "base_url": gateway.url, "api_key": API_KEY,
            "webhook_secret": NOTICE_SECRET,
        }  # fmt: skip
        shop.account = await shop.call("POST", "/v1/gateway-accounts", body)
        gateway.notify = shop.notify
        return shop

    yield create
    for client in clients:
        await client.aclose()


Working = Callable[..., AbstractAsyncContextManager[asyncio.Task[None]]]


@pytest.fixture
def working(container: Container) -> Working:
    """`async with working() as worker:` runs a payment worker; keywords change its configuration."""

    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[asyncio.Task[None]]:
        stopping = asyncio.Event()
        worker = PaymentWorker(
            db=container.database(),
            payments=container.payment_service(),
            clocks=container.tenant_service(),
            secret_box=container.secret_box(),
            config=msgspec.structs.replace(QUICK, **changes),
            clock=container.clock(),
        )
        task = asyncio.create_task(worker.run(stopping))
        try:
            yield task
        finally:
            stopping.set()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()

    return run
