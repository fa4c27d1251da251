import pytest

from books import Books
from corebilling.platform.db import Database
from till import Till, opened


@pytest.fixture
async def till(db: Database) -> Till:
    """A tenant with books and a gateway account."""
    books = Books(db)
    return await opened(books, await books.tenant())
