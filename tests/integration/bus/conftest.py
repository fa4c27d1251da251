"""A database and a stream for each test of the event backbone."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from backbone import TABLES
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.db.logins import ensure_app_login


@pytest.fixture
def owner_url(servers: tuple[str, str], template_database: str) -> Iterator[str]:
    """A database of the test's own: leftovers of another test would be dispatched as well."""
    admin, name = servers[0], f"bus_{uuid4().hex[:12]}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template_database))
        )
    url = f"{admin.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(TABLES)
    yield url
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(owner_url: str) -> str:
    return ensure_app_login(owner_url, "for tests on loopback")


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Looks from outside, past row security."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[NatsBus]:
    name = uuid4().hex[:12]
    made = NatsBus(nats_url, stream=f"T_{name}", prefix=f"t{name}")
    await made.connect()
    yield made
    await made.close()


@pytest.fixture
def reachable_path(tmp_path: Path) -> Path:
    """A directory that the servers' own account may enter when the tests run as root."""
    tmp_path.chmod(0o711)
    return tmp_path
