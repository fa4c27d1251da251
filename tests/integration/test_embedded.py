"""The embedded PostgreSQL and NATS: what `corebilling dev`, the demo and every other integration test stand on."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest

import corebilling
from corebilling.platform.embedded import EmbeddedError, EmbeddedNats, EmbeddedPostgres, EmbeddedStack
from corebilling.platform.embedded.places import NOBODY, Account, reachable

SOURCE = Path(corebilling.__file__).parents[1]
SMALL = {"shared_buffers": "16MB"}
NOBODY_ACCOUNT = Account(NOBODY, NOBODY)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about servers started by root")

PARENT = """
import json, sys
from pathlib import Path
from corebilling.platform.embedded import EmbeddedStack
stack = EmbeddedStack(Path(sys.argv[1]), settings={"shared_buffers": "16MB"})
stack.start()
print(json.dumps([stack.postgres.pid, stack.nats.pid]), flush=True)
command = sys.stdin.readline().strip()
if command == "raise":
    raise RuntimeError("on purpose")
"""


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


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether the process ended, reaped by its new parent or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def query(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchone()[0] if cursor.description else None


def start_parent(data: Path, user: int | None = None, python: str = sys.executable) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", PARENT, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PYTHONPATH": f"{SOURCE}:{sysconfig.get_path('purelib')}", "PATH": os.environ["PATH"]},
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        start_new_session=True,
    )


def pids_of(parent: subprocess.Popen[str]) -> list[int]:
    assert parent.stdout is not None
    line = parent.stdout.readline()
    if not line:
        pytest.fail(parent.communicate()[1])
    pids: list[int] = json.loads(line)
    return pids


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


@pytest.mark.parametrize("end", ["return", "raise", signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_servers_end_with_the_process_that_started_them(data: Path, end: str | signal.Signals) -> None:
    parent = start_parent(data)
    pids = pids_of(parent)
    assert not any(gone(pid) for pid in pids)
    if isinstance(end, signal.Signals):
        parent.send_signal(end)
    parent.communicate(input=f"{end}\n" if isinstance(end, str) else None)
    wait_for(lambda: all(gone(pid) for pid in pids), f"servers {pids} to end after {end}")
    if end != signal.SIGKILL:
        return
    with EmbeddedStack(data, settings=SMALL) as stack:
        assert query(stack.database_url, "SELECT 1") == 1
        assert "automatic recovery in progress" not in stack.postgres.log_tail(30), "the shutdown was not in order"


def test_next_start_waits_for_the_servers_of_a_killed_process(data: Path) -> None:
    parent = start_parent(data)
    pids_of(parent)
    parent.kill()
    parent.wait()
    with EmbeddedStack(data, settings=SMALL) as stack:  # while the old servers may still be writing
        assert query(stack.database_url, "SELECT 1") == 1
    parent.communicate()


def test_two_processes_cannot_use_one_directory(data: Path) -> None:
    parent = start_parent(data)
    pids_of(parent)
    for server in (EmbeddedPostgres(data / "postgres", settings=SMALL), EmbeddedNats(data / "nats")):
        with pytest.raises(EmbeddedError, match=f"in use by process {parent.pid}"):
            server.start()
    parent.communicate(input="return\n")


def test_two_servers_of_one_process_cannot_use_one_directory(nats_server: EmbeddedNats) -> None:
    with pytest.raises(EmbeddedError, match="in use"):
        EmbeddedNats(nats_server.data).start()
    assert nats_server.running


def test_server_outlives_the_thread_that_started_it(data: Path) -> None:
    server = EmbeddedNats(data / "nats")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        # The death signal, if any, was sent before join() returned: a server that answers now was not its target.
        asyncio.run(_round_trip(server.url))
        assert server.running
    finally:
        server.stop()


async def _round_trip(url: str) -> None:
    async with await nats.connect(url) as client:
        await client.flush()


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


@as_root
def test_servers_of_root_run_as_nobody(postgres: EmbeddedPostgres, nats_server: EmbeddedNats) -> None:
    assert [Path(f"/proc/{server.pid}").stat().st_uid for server in (postgres, nats_server)] == [NOBODY, NOBODY]


@as_root
def test_data_below_a_closed_directory_of_root_is_kept_elsewhere(data: Path) -> None:
    data.chmod(0o700)
    server = EmbeddedPostgres(data / "postgres", settings=SMALL)
    with server:
        query(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(data / "postgres", settings=SMALL) as again:
        assert query(again.url, "SELECT answer FROM kept") == 42
        elsewhere = again.home.path
        assert not elsewhere.is_relative_to(data)
    again.remove()
    assert not elsewhere.exists()
    assert not (data / "postgres").exists()
    assert data.stat().st_mode & 0o777 == 0o700, "the closed directory was opened"


@as_root
def test_ordinary_user_runs_the_servers_as_himself(data: Path) -> None:
    usable = [python for python in (sys.executable, "/usr/bin/python3") if _nobody_can_use(python)]
    if not usable:
        pytest.skip("an ordinary user cannot reach an interpreter and this checkout here")
    os.chown(data, NOBODY, NOBODY)
    parent = start_parent(data, user=NOBODY, python=usable[0])
    pids = pids_of(parent)
    assert [Path(f"/proc/{pid}").stat().st_uid for pid in pids] == [NOBODY, NOBODY]
    parent.communicate(input="return\n")
    wait_for(lambda: all(gone(pid) for pid in pids), "the user's servers to end")
    with EmbeddedStack(data, settings=SMALL) as stack:  # root may go on with the user's data, as that user
        assert query(stack.database_url, "SELECT 1") == 1
        assert Path(f"/proc/{stack.postgres.pid}").stat().st_uid == NOBODY


def _nobody_can_use(python: str) -> bool:
    paths = (Path(python), SOURCE, Path(sysconfig.get_path("purelib")))
    return all(path.exists() and reachable(path, NOBODY_ACCOUNT) for path in paths)
