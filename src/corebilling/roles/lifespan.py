"""What every role opens before its work and closes after it, and how it says that it is well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

from loguru import logger

from corebilling.container import Container
from corebilling.container.buses import bus_servers
from corebilling.platform.db.migrations import Migration, load, schema_root, unapplied
from corebilling.platform.health import Check, Health
from corebilling.platform.metrics import metrics_server
from corebilling.platform.queries import releases


@asynccontextmanager
async def opened(container: Container, *, bus: bool = False) -> AsyncIterator[None]:
    """Database, bus where the role needs it, and the metrics port, for as long as the block lasts.

    The metrics port comes first, so that probes are answered while the rest is waited for.
    """
    settings = container.settings()
    health = health_of(container, bus=bus)
    async with metrics_server(settings.metrics_port, health, host=settings.http_host):
        database = container.database()
        await database.open()
        try:
            if bus:
                await container.bus().connect()
            logger.info("the role {} is open", settings.role)
            yield
        finally:
            if bus:
                await container.bus().close()
            await database.close()
            logger.info("the role {} has stopped in order", settings.role)


def health_of(container: Container, *, bus: bool = False) -> Health:
    """What /ready asks: the database, the bus, the schema, billing.

    A role that holds no connection to the bus shows whether its port answers, and is ready without it: the API goes on
    taking usage while the bus is away, the events wait in the outbox.
    """
    checks: dict[str, Check] = {
        "db": lambda: _database(container),
        "bus": lambda: _bus(container) if bus else _bus_port(container),
        "migrations": lambda: _migrations(container),
        "billing": lambda: _billing(container),
    }
    return Health(checks, advisory=() if bus else ("bus",))


async def _database(container: Container) -> dict[str, Any]:
    async with container.database().system() as tx:
        await releases.ping(tx.conn)
    return {}


@cache
def _shipped() -> list[Migration]:
    return load(schema_root())


async def _migrations(container: Container) -> dict[str, Any]:
    async with container.database().system() as tx:
        applied = await releases.applied_migrations(tx.conn)
    if missing := unapplied(((row.context, row.number) for row in applied), _shipped()):
        raise RuntimeError(
            f"{len(missing)} migrations are missing, the first is {missing[0]}; run `corebilling migrate`"
        )
    return {}


async def _billing(container: Container) -> dict[str, Any]:
    async with container.database().system() as tx:
        return {"active_rate_cards": await container.pricing_service().active_rate_cards(tx)}


async def _bus(container: Container) -> dict[str, Any]:
    if not container.bus().is_connected:
        raise RuntimeError("the event bus doesn't answer; reconnecting goes on")
    return {}


async def _bus_port(container: Container) -> dict[str, Any]:
    """Raises OSError where no server of the bus takes connections."""
    for host, port in bus_servers(container.settings()):
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return {}
    raise ConnectionError("no server of the event bus takes connections; events wait in the outbox meanwhile")
