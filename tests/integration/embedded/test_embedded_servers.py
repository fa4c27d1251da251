"""The embedded PostgreSQL and NATS: what `corebilling dev`, the demo and every other integration test stand on."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import nats
import psycopg
import pytest
from embedded_parents import SMALL, SOURCE, gone, query

from corebilling.platform.embedded import EmbeddedError, EmbeddedNats, EmbeddedPostgres, EmbeddedStack


def test_second_start_finds_the_data_on_the_same_port(postgres: EmbeddedPostgres) -> None:
    query(postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    first_url = postgres.url
    postgres.stop()
    with EmbeddedPostgres(postgres.data, settings=SMALL) as again:
        assert again.url == first_url
        assert query(again.url, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("end", ["immediate", "kill"])
def test_committed_rows_survive_a_crash(postgres: EmbeddedPostgres, end: str) -> None:
    query(postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    open_session = psycopg.connect(postgres.url)  # a crash does not wait for sessions
    postgres.kill() if end == "kill" else postgres.stop("immediate")
    open_session.close()
    postgres.start()
    assert query(postgres.url, "SELECT answer FROM kept") == 42
    assert "automatic recovery in progress" in postgres.log_tail(30)


def test_settings_reach_the_server_and_commits_are_durable(postgres: EmbeddedPostgres) -> None:
    assert query(postgres.url, "SHOW shared_buffers") == "16MB"
    assert [query(postgres.url, f"SHOW {name}") for name in ("fsync", "synchronous_commit")] == ["on", "on"]
    assert query(postgres.url, "SHOW server_version").startswith("16.")


def test_postgres_refuses_who_does_not_know_the_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=postgres.port, user="postgres", password="guess", dbname="corebilling")
    assert query(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
    assert (postgres.home.path / "password").stat().st_mode & 0o077 == 0


def test_nats_refuses_who_does_not_know_the_password(nats_server: EmbeddedNats) -> None:
    with socket.create_connection(("127.0.0.1", nats_server.port)) as stranger:
        stranger.sendall(b'CONNECT {"user":"corebilling","pass":"guess"}\r\nPING\r\n')
        answers = stranger.makefile("rb").read()  # until the server hangs up
    assert b"Authorization Violation" in answers
    assert b"PONG" not in answers
    assert (nats_server.home.path / "nats.conf").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_stream_survives_a_restart_at_the_same_address(nats_server: EmbeddedNats, end: str) -> None:
    async def publish() -> None:
        async with await nats.connect(nats_server.url) as client:
            await client.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
            await client.jetstream().publish("kept.one", b"message")

    async def read() -> bytes | None:
        async with await nats.connect(nats_server.url) as client:
            return (await client.jetstream().get_msg("KEPT", 1)).data

    asyncio.run(publish())
    first_url = nats_server.url
    nats_server.kill() if end == "kill" else nats_server.stop()
    nats_server.start()
    assert nats_server.url == first_url
    assert asyncio.run(read()) == b"message"


def test_failed_start_shows_the_log(data: Path) -> None:
    server = EmbeddedPostgres(data / "postgres", settings={"shared_buffers": "plenty"})
    with pytest.raises(EmbeddedError, match='invalid value for parameter "shared_buffers"'):
        server.start()
    assert not server.running


def test_directory_with_other_files_is_left_alone(data: Path) -> None:
    (data / "thesis.txt").write_text("years of work")
    mode = data.stat().st_mode
    with pytest.raises(EmbeddedError, match="holds other files"):
        EmbeddedNats(data).start()
    assert data.stat().st_mode == mode


def test_given_port_that_is_taken_is_named(nats_server: EmbeddedNats, data: Path) -> None:
    with pytest.raises(EmbeddedError, match=f"port {nats_server.port} is taken"):
        EmbeddedPostgres(data / "postgres", port=nats_server.port, settings=SMALL).start()


def test_remembered_port_that_is_taken_is_replaced(data: Path) -> None:
    with EmbeddedNats(data / "one") as first:
        taken = first.port
    with EmbeddedNats(data / "two", port=taken), EmbeddedNats(data / "one") as again:
        assert again.port != taken


def test_missing_wheels_are_named(data: Path) -> None:
    for server in ("EmbeddedPostgres", "EmbeddedNats"):
        code = f"import pathlib, corebilling.platform.embedded as e; e.{server}(pathlib.Path({str(data)!r})).start()"
        without_packages = [sys.executable, "-S", "-c", code]
        done = subprocess.run(
            without_packages, capture_output=True, text=True, env={"PYTHONPATH": str(SOURCE)}, cwd="/", check=False
        )
        assert done.returncode == 1
        assert "pip install 'corebilling[embedded]'" in done.stderr


def test_temporary_stack_leaves_nothing() -> None:
    with EmbeddedStack.temporary(settings=SMALL) as stack:
        homes = [stack.data, stack.postgres.home.path, stack.nats.home.path]
        pids = [stack.postgres.pid, stack.nats.pid]
    assert not any(home.exists() for home in homes)
    assert all(gone(pid) for pid in pids)
