import pytest

from corebilling.platform.db import Database
from parties import Parties


@pytest.fixture
def parties(db: Database) -> Parties:
    return Parties(db)
