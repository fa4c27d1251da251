from typing import Any

import pytest

from books import Books
from corebilling.platform.db import Database
from till import ISSUED, NewTill, Till, opened


@pytest.fixture
async def till(db: Database) -> Till:
    """A tenant with books and a gateway account."""
    books = Books(db)
    return await opened(books, await books.tenant())


@pytest.fixture
def sandbox(db: Database) -> NewTill:
    async def make(**dunning: Any) -> Till:
        books = Books(db)
        terms = {"invoicing": {"dunning": dunning}}
        return await opened(books, await books.tenant(sandbox=True, clock_at=ISSUED, **terms))

    return make
