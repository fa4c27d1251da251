"""PostgreSQL and NATS for the tests, the first of these that is to be had:

1. servers that run already: `TEST_DATABASE_URL` (an administrator) and `TEST_NATS_URL`;
2. containers, where a container engine answers (`TEST_SERVERS=embedded` says no to them);
3. the embedded servers, which are the same programs and need no engine.
"""

import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from corebilling.platform.embedded import EmbeddedStack

QUICK = {"shared_buffers": "128MB", "max_wal_size": "1GB", "max_connections": "300"}
"""Enough for tests; durability stays as in production, because the tests are about it."""


@contextmanager
def running() -> Iterator[tuple[str, str]]:
    """The addresses of PostgreSQL (as an administrator) and of NATS."""
    database, nats = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_NATS_URL")
    with ExitStack() as stack:
        if not (database and nats):
            started = _containers(stack) or _embedded(stack)
            database, nats = database or started[0], nats or started[1]
        yield database, nats


def _embedded(stack: ExitStack) -> tuple[str, str]:
    servers = stack.enter_context(EmbeddedStack.temporary(settings=QUICK))
    return servers.database_url, servers.nats_url


def _containers(stack: ExitStack) -> tuple[str, str] | None:
    """None where no engine answers, or where it can't bring the images up: said aloud, the embedded servers do as well."""
    if os.environ.get("TEST_SERVERS") == "embedded" or not _engine_answers():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the library are its own
        from testcontainers.community.nats import NatsContainer
        from testcontainers.community.postgres import PostgresContainer

        try:
            with ExitStack() as starting:
                options = " ".join(f"-c {name}={value}" for name, value in QUICK.items())
                image = PostgresContainer("postgres:16", username="postgres", dbname="corebilling", driver=None)
                postgres = starting.enter_context(image.with_command(f"postgres {options}"))
                nats = starting.enter_context(NatsContainer("nats:2", jetstream=True))
                addresses = postgres.get_connection_url(), nats.nats_uri()
                stack.push(starting.pop_all())
        except Exception as error:  # noqa: BLE001 - whatever an engine may do wrong
            sys.stderr.write(f"\n!! the container engine started no servers ({error}); the embedded ones are used\n")
            return None
    return addresses


def _engine_answers() -> bool:
    """Whether something takes connections where DOCKER_HOST points, by default at Docker's socket."""
    host = urlsplit(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    unix = host.scheme == "unix"
    address = host.path if unix else (host.hostname or "127.0.0.1", host.port or 2375)
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as engine:
        engine.settimeout(2)
        try:
            engine.connect(address)
        except OSError:
            return False
    return True
