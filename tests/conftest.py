"""Fixtures of all tests: real servers (servers.py), a fresh database a module, a whole installation a session."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from corebilling.platform.db import Database
from corebilling.platform.db.logins import APP_LOGIN, ensure_app_login
from corebilling.platform.db.migrations import migrate
from servers import QUICK, running

if TYPE_CHECKING:
    from corebilling.cli.local import LocalInstallation

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "sql" / "schema"

APP_PASSWORD = "for tests on loopback"


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[str, str]]:
    """The addresses of PostgreSQL (as an administrator) and of NATS."""
    with running() as addresses:
        yield addresses


@pytest.fixture(scope="session")
def nats_url(servers: tuple[str, str]) -> str:
    return servers[1]


@pytest.fixture(scope="session")
def template_database(servers: tuple[str, str]) -> Iterator[str]:
    """A migrated database to copy; its name."""
    admin, name = servers[0], f"template_{uuid4().hex[:12]}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    ensure_app_login(admin, APP_PASSWORD)
    migrate(with_database(admin, name), SCHEMA, app_login=APP_LOGIN)
    yield name
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def owner_url(servers: tuple[str, str], template_database: str) -> Iterator[str]:
    """A fresh, migrated database for this module as an administrator sees it, dropped at its end."""
    admin, name = servers[0], f"test_{uuid4().hex[:12]}"
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template_database))
        )
    yield with_database(admin, name)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def database_url(owner_url: str) -> str:
    """The module's database as the product's own login sees it: no superuser, no owner."""
    return ensure_app_login(owner_url, APP_PASSWORD)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The module's database, opened as the product opens it."""
    database = Database(database_url, pool_size=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
def installation() -> "Iterator[LocalInstallation]":
    """The whole product, as `corebilling dev` runs it: servers of its own, and api, router and worker as processes."""
    from corebilling.cli.local import local_installation

    environment = {"LOG_LEVEL": "WARNING", "RATING_DEBOUNCE_SECONDS": "1", "USAGE_GRACE_SECONDS": "3600"}
    with local_installation(environment=environment, postgres=QUICK) as here:
        yield here


@pytest.fixture(scope="session")
def platform_key(installation: "LocalInstallation") -> str:
    """The secret of a key of those who run the installation, with every scope."""
    from corebilling.cli.bootstrap import platform_key as new_platform_key

    return new_platform_key(installation.app_url, "tests")
