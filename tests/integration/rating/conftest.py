"""What the tests of rating run in."""

import pytest

from billing_world import World
from corebilling.platform.db import Database


@pytest.fixture
def world(db: Database) -> World:
    return World(db)
