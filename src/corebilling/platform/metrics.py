"""The metrics port of every role: `/metrics` for Prometheus, `/healthz` and `/ready` for probes.

Metrics themselves are declared with prometheus_client where they are counted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from corebilling.platform.health import ALIVE, Health

_STOP_SECONDS = 1.0


@asynccontextmanager
async def metrics_server(
    port: int,
    health: Health,
    *,
    host: str = "0.0.0.0",  # noqa: S104 - a server in a container
    registry: CollectorRegistry = REGISTRY,
) -> AsyncIterator[int]:
    """Serve for as long as the block lasts; yields the port (0 asks for a free one). Raises OSError where it is taken."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(body=ALIVE, content_type="application/json")

    async def ready(_: web.Request) -> web.Response:
        report = await health.report()
        body = msgspec.json.encode(report)
        return web.Response(body=body, status=report.http_status, content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/ready", ready)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
