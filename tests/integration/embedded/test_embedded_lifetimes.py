"""How long the embedded servers live, and as whom they run."""

import asyncio
import os
import signal
import sys
import sysconfig
import threading
from pathlib import Path

import nats
import pytest
from embedded_parents import SMALL, SOURCE, gone, pids_of, query, start_parent, wait_for

from corebilling.platform.embedded import EmbeddedError, EmbeddedNats, EmbeddedPostgres, EmbeddedStack
from corebilling.platform.embedded.places import NOBODY, Account, reachable

NOBODY_ACCOUNT = Account(NOBODY, NOBODY)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about servers started by root")


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
