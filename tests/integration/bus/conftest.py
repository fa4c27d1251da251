"""An empty database and a stream for each test of the event backbone."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from backbone import FRESH, TABLES, tables_with_rows
from corebilling.platform.bus.nats import NatsBus
from corebilling.platform.db.logins import ensure_app_login
from kafka_libraries import KafkaIsMissingError, without_kafka
from kafka_servers import KafkaCluster, Secrets
from nats_secured import certificates


@pytest.fixture(scope="module")
def owner_url(servers: tuple[str, str], template_database: str) -> Iterator[str]:
    """A database of the module's own."""
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


@pytest.fixture(scope="module")
def seeded(owner_url: str) -> set[str]:
    """The tables that the schema itself filled."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        return tables_with_rows(conn)


@pytest.fixture
def emptied_url(owner_url: str, seeded: set[str]) -> str:
    """The same database as if it were new: leftovers of another test would be dispatched as well."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        if left := tables_with_rows(conn) - seeded:
            conn.execute(f"TRUNCATE {', '.join(sorted(left))} RESTART IDENTITY CASCADE")
        conn.execute(FRESH)
    return owner_url


@pytest.fixture
def database_url(emptied_url: str) -> str:
    return ensure_app_login(emptied_url, "for tests on loopback")


@pytest.fixture
def owner(emptied_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Looks from outside, past row security."""
    with psycopg.connect(emptied_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[NatsBus]:
    name = uuid4().hex[:12]
    made = NatsBus(nats_url, stream=f"T_{name}", prefix=f"t{name}")
    await made.connect()
    yield made
    await made.close()


@pytest.fixture(scope="session")
def kafka_secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """What the broker of `kafka` asks of those who come by its locked door."""
    pem = certificates(tmp_path_factory.mktemp("pem"))
    return Secrets(pem["ca"], pem["cert"], pem["key"], "corebilling", "not a secret")


@pytest.fixture(scope="session")
def kafka(kafka_secrets: Secrets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One Kafka broker of ours, for tests with topics of their own."""
    cluster = KafkaCluster(tmp_path_factory.mktemp("kafka"), secrets=kafka_secrets)
    try:
        cluster.start()
    except KafkaIsMissingError as error:
        without_kafka(error)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def kafka_brokers(request: pytest.FixtureRequest) -> str:
    """The addresses of a Kafka: the one that runs already (TEST_KAFKA_BROKERS), or ours."""
    running = os.environ.get("TEST_KAFKA_BROKERS", "")
    return running or str(request.getfixturevalue("kafka").addresses)


@pytest.fixture
def reachable_path(tmp_path: Path) -> Path:
    """A directory that the servers' own account may enter when the tests run as root."""
    tmp_path.chmod(0o711)
    return tmp_path
