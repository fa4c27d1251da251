"""Each story has a platform to make its tenants with, and a receiver for what the product tells the world."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web

from corebilling.cli.local import LocalInstallation
from factories import Api, NewSeller, Seller, new_seller
from receivers import Inbox


@pytest.fixture
async def platform(installation: LocalInstallation, platform_key: str) -> AsyncIterator[Api]:
    async with Api(installation.api.url, platform_key) as api:
        yield api


@pytest.fixture
async def new_tenant(platform: Api) -> AsyncIterator[NewSeller]:
    """Makes sandbox tenants: `await new_tenant("Acme", clock_at)`."""
    made: list[Seller] = []

    async def make(name: str, clock_at: datetime, **wanted: Any) -> Seller:
        made.append(await new_seller(platform, name, clock_at, **wanted))
        return made[-1]

    yield make
    for seller in made:
        await seller.api.__aexit__(None, None, None)


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    made = Inbox()
    app = web.Application()
    app.router.add_post("/hooks", made.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://{}:{}/hooks".format(*runner.addresses[0][:2])
    yield made
    await runner.cleanup()
