import pytest
from usage_scene import Scene, set_scene

from corebilling.platform.db import Database


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await set_scene(db)
