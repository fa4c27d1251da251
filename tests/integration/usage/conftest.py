from collections.abc import AsyncIterator

import httpx
import pytest
from usage_scene import Scene, key_of, set_scene

from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.usage import api
from corebilling.usage.intake import UsageIntake


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await set_scene(db)


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    intake = UsageIntake(db=scene.db, service=scene.usage)
    app = http_app(
        routes=api.ROUTES,
        dependencies={"usage_service": lambda: scene.usage, "usage_intake": lambda: intake},
        authenticator=Authenticator(database=scene.db, keys=scene.parties.tenants, tokens=None),
        database=scene.db,
        clock=wall_clock,
        health=Health({}),
        version="0",
    )
    headers = {"X-API-Key": await key_of(scene, scene.one)}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as made:
        yield made
