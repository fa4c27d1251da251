"""The first tenant and the first keys of an installation: made at its database, because no key exists yet to ask with."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from corebilling.container import Container
from corebilling.kernel.ids import new_id
from corebilling.ledger.domain.proof import ProofReport
from corebilling.ledger.seal_proof import SealReport
from corebilling.settings import Settings
from corebilling.tenant.schemas import ApiKeyCreate, ApiKeyOut, TenantCreate, TenantOut

T = TypeVar("T")

TENANT_SCOPES = ["usage:write", "billing:read", "billing:write", "billing:admin", "platform.finance"]
PLATFORM_SCOPES = ["platform.admin", *TENANT_SCOPES]


class DevelopmentKeys(msgspec.Struct, frozen=True):
    """What `corebilling dev` hands out; kept beside the data, readable by its owner only."""

    tenant_id: UUID
    api_key: str
    admin_api_key: str


class _Once(logging.Filter):
    """The pool says why it can't connect at every attempt; whoever waits for a command wants to read it once."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        fresh = said not in self._told
        self._told.add(said)
        return fresh


def with_container(settings: Settings, work: Callable[[Container], Awaitable[T]]) -> T:
    """Run work that needs services and the database, outside any role."""

    async def run() -> T:
        container = Container(settings=settings)
        database = container.database()
        await database.open()
        try:
            return await work(container)
        finally:
            await database.close()
            pool_log.removeFilter(once)

    pool_log, once = logging.getLogger("psycopg.pool"), _Once()
    pool_log.addFilter(once)

    return asyncio.run(run())


def create_tenant(settings: Settings, data: TenantCreate) -> TenantOut:
    """A tenant with all that other contexts set up for it."""

    async def work(container: Container) -> TenantOut:
        tenant_id = new_id()
        async with container.database().tenants([tenant_id]) as tx:
            return await container.tenant_service().create(tx, data, tenant_id=tenant_id)

    return with_container(settings, work)


def create_api_key(settings: Settings, tenant_id: UUID, data: ApiKeyCreate) -> ApiKeyOut:
    """A tenant's key; the secret is in the answer and nowhere else."""

    async def work(container: Container) -> ApiKeyOut:
        async with container.database().system() as tx:
            return await container.tenant_service().create_api_key(tx, tenant_id, data)

    return with_container(settings, work)


def create_platform_key(settings: Settings, data: ApiKeyCreate) -> ApiKeyOut:
    """A key of those who run the installation."""

    async def work(container: Container) -> ApiKeyOut:
        async with container.database().system() as tx:
            return await container.tenant_service().create_platform_key(tx, data)

    return with_container(settings, work)


async def prove_ledger(container: Container) -> ProofReport:
    """Compare every document of every tenant with its journal."""
    async with container.database().system() as tx:
        return await container.ledger_proof().proof(tx)


def ledger_proof(database_url: str) -> ProofReport:
    """The same at a database, outside any event loop."""
    return with_container(Settings(database_url=database_url, environment="development"), prove_ledger)


def sealed_proof(database_url: str) -> SealReport:
    """Seal every journal that is there, then compute every seal again; outside any event loop."""

    async def work(container: Container) -> SealReport:
        while await container.sealer().seal_once(settled=timedelta(0)):
            pass
        async with container.database().system() as tx:
            return await container.seal_proof().check(tx)

    return with_container(Settings(database_url=database_url, environment="development"), work)


def platform_key(database_url: str, name: str) -> str:
    """The secret of a new platform key with every scope."""
    settings = Settings(database_url=database_url, environment="development")
    return str(create_platform_key(settings, ApiKeyCreate(name=name, scopes=PLATFORM_SCOPES)).secret)


def development_keys(database_url: str, data: Path) -> DevelopmentKeys:
    """The sandbox tenant and keys of a development installation: made at the first start, found again later."""
    path = data / "development-keys.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=DevelopmentKeys)
    settings = Settings(database_url=database_url, environment="development")
    tenant = create_tenant(settings, TenantCreate(name="Development", currency="EUR", sandbox=True))
    key = create_api_key(settings, tenant.id, ApiKeyCreate(name="development", scopes=TENANT_SCOPES))
    keys = DevelopmentKeys(tenant.id, str(key.secret), platform_key(database_url, "development"))
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(keys))
    return keys
