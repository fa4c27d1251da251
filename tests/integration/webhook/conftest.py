"""Real receivers on loopback, real tenants, and a delivery worker that runs for one test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import httpx
import msgspec
import pytest
from aiohttp import web

from corebilling.events.catalog import BY_PAYLOAD
from corebilling.events.custom import CustomEvent
from corebilling.events.customer import CustomerCreated
from corebilling.events.envelope import Envelope
from corebilling.kernel.ids import new_id
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.secrets import SecretBox, generate_key
from corebilling.tenant.schemas import ApiKeyCreate, TenantCreate
from corebilling.tenant.service import TenantService
from corebilling.webhook.api import ROUTES
from corebilling.webhook.config import DeliveryConfig
from corebilling.webhook.delivery_log import DeliveryFilter, DeliveryLog
from corebilling.webhook.handlers import HANDLERS
from corebilling.webhook.schemas import EndpointCreate, EndpointWithSecret
from corebilling.webhook.schemas_log import DeliveryOut
from corebilling.webhook.service import WebhookService
from corebilling.webhook.worker import DeliveryWorker

QUICK = DeliveryConfig(
    allow_private_targets=True,
    poll_seconds=0.5,
    timeout_seconds=5.0,
    lease_slack_seconds=1.0,
    base_delay_seconds=0.05,
    max_delay_seconds=0.2,
    max_retries=3,
)
PayloadT = TypeVar("PayloadT")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """One request as a receiver saw it."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: datetime


@dataclass
class Receiver:
    """An HTTP server; `answers` are given one by one, the last one from then on."""

    answers: list[Answer | int] = field(default_factory=lambda: [204])
    received: list[Received] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.received.append(Received(request.path, dict(request.headers), body, datetime.now(UTC)))
        async with self.changed:
            self.changed.notify_all()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)

    async def wait_for(self, count: int) -> list[Received]:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.received) >= count)
        return self.received


@pytest.fixture
async def receivers() -> AsyncIterator[Callable[..., Awaitable[Receiver]]]:
    """Starts receivers: `await receivers(500, 204)`."""
    runners: list[web.AppRunner] = []

    async def start(*answers: Answer | int) -> Receiver:
        receiver = Receiver(list(answers) or [204])
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", receiver.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}/hooks"
        return receiver

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture(scope="session")
def encryption_key() -> str:
    return generate_key()


@pytest.fixture(scope="session")
def secret_box(encryption_key: str) -> SecretBox:
    return SecretBox([encryption_key])


@pytest.fixture
def tenants() -> TenantService:
    return TenantService(clock=wall_clock, setups=[])


@pytest.fixture
def service(tenants: TenantService, secret_box: SecretBox) -> WebhookService:
    return WebhookService(clock=wall_clock, tenants=tenants, secret_box=secret_box, allow_private_targets=True)


@pytest.fixture
def delivery_log(secret_box: SecretBox) -> DeliveryLog:
    return DeliveryLog(clock=wall_clock, secret_box=secret_box)


@dataclass
class Tenant:
    """A tenant with what tests do on its behalf."""

    id: UUID
    db: Database
    service: WebhookService
    log: DeliveryLog

    async def endpoint(self, url: str, *subjects: str, **options: object) -> EndpointWithSecret:
        data = EndpointCreate(url=url, subjects=list(subjects) or ["*"], **options)
        async with self.db.tenant(self.id) as tx:
            return await self.service.create_endpoint(tx, self.id, data)

    async def deliveries(self) -> list[DeliveryOut]:
        async with self.db.tenant(self.id) as tx:
            return await self.log.find(tx, self.id, DeliveryFilter(), after=None, limit=500)

    async def settled(self, count: int = 1) -> list[DeliveryOut]:
        """The deliveries once that many are no longer pending."""
        async with asyncio.timeout(30):
            while True:
                found = await self.deliveries()
                if sum(delivery.status != "pending" for delivery in found) >= count:
                    return found
                await asyncio.sleep(0.02)


@pytest.fixture
def new_tenant(
    db: Database, tenants: TenantService, service: WebhookService, delivery_log: DeliveryLog
) -> Callable[..., Awaitable[Tenant]]:
    async def create(*, sandbox: bool = True) -> Tenant:
        tenant_id = new_id()
        async with db.tenants([tenant_id]) as tx:
            await tenants.create(
                tx, TenantCreate(name="Ada & Sons", currency="EUR", sandbox=sandbox), tenant_id=tenant_id
            )
        return Tenant(tenant_id, db, service, delivery_log)

    return create


@pytest.fixture
async def clients(
    db, service, delivery_log, tenants, new_tenant
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of two tenants; `.tenant` is whose."""
    app = http_app(
        routes=ROUTES,
        dependencies={"webhook_service": lambda: service, "delivery_log": lambda: delivery_log},
        authenticator=Authenticator(database=db, keys=tenants, tokens=None),
        database=db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
    )
    made = []
    for _ in range(2):
        tenant = await new_tenant()
        async with db.tenants([tenant.id]) as tx:
            key = await tenants.create_api_key(tx, tenant.id, ApiKeyCreate(name="k", scopes=["billing:write"]))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://api", headers={"X-API-Key": key.secret}
        )
        client.tenant = tenant
        made.append(client)
    yield made[0], made[1]
    for client in made:
        await client.aclose()


@pytest.fixture
def customer_created() -> Callable[..., Envelope[CustomerCreated]]:
    """An event of a tenant, as the router receives it."""
    return _customer_created


def _customer_created(tenant_id: UUID, number: int = 1) -> Envelope[CustomerCreated]:
    return _envelope(tenant_id, CustomerCreated(new_id(), f"c-{number}", "EUR", "Europe/Paris"))


@pytest.fixture
def custom_event() -> Callable[..., Envelope[CustomEvent]]:
    """An event that a tenant published itself, as the router receives it."""

    def published(tenant_id: UUID, subject: str, data: bytes) -> Envelope[CustomEvent]:
        return _envelope(tenant_id, CustomEvent(subject, msgspec.Raw(data)))

    return published


def _envelope(tenant_id: UUID, payload: PayloadT) -> Envelope[PayloadT]:
    return Envelope(
        id=new_id(),
        subject=BY_PAYLOAD[type(payload)].subject,
        version=1,
        tenant_id=tenant_id,
        resource_id=new_id(),
        resource_seq=1,
        correlation_id=new_id(),
        causation_id=None,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        occurred_at=wall_clock(),
        payload=payload,
    )


@pytest.fixture
def publish(db: Database, service: WebhookService) -> Callable[..., Awaitable[None]]:
    """Hands events to the context as the router does: one transaction, many tenants."""

    async def publish(*events: Envelope[Any]) -> None:
        async with db.tenants({event.tenant_id for event in events}) as tx:
            await HANDLERS[CustomerCreated](service, tx, events)

    return publish


@pytest.fixture
def delivering(db: Database, secret_box: SecretBox) -> Callable[..., AbstractAsyncContextManager[None]]:
    """`async with delivering():` runs a worker; keywords change its configuration."""

    @asynccontextmanager
    async def run(**changes: object) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        box = changes.pop("secret_box", secret_box)
        config = msgspec.structs.replace(QUICK, **changes)
        worker = DeliveryWorker(db=db, secret_box=box, config=config, clock=wall_clock)
        task = asyncio.create_task(worker.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await task

    return run
