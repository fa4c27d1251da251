"""Servers in directories of their own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_parents import SMALL

from corebilling.platform.embedded import EmbeddedNats, EmbeddedPostgres


@pytest.fixture
def data() -> Iterator[Path]:
    """A directory that an unprivileged server can reach; pytest's own is closed to others when root runs it."""
    path = Path(tempfile.mkdtemp(prefix="corebilling-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgres(data: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(data / "postgres", settings=SMALL) as server:
        yield server


@pytest.fixture
def nats_server(data: Path) -> Iterator[EmbeddedNats]:
    with EmbeddedNats(data / "nats") as server:
        yield server
