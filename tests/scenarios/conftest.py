"""Each story has a platform to make its tenants with, and a receiver for what the product tells the world."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from corebilling.cli.local import LocalInstallation
from factories import Api, NewSeller, Seller, new_seller


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
