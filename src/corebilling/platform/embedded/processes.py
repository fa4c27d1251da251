"""Child processes that end when this process ends, however it ends.

A normal exit, an exception and Ctrl-C stop them in order (`atexit`); SIGTERM without a handler and SIGKILL leave it to
the kernel, which sends each child its death signal (Linux only). Children have a session of their own, so that Ctrl-C
in a terminal reaches us alone and our own roles can finish their work before the servers go.
"""

import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from corebilling.platform.embedded.errors import EmbeddedError
from corebilling.platform.embedded.places import Account

LOOPBACK = "127.0.0.1"
# Below the range from which the kernel takes ports of outgoing connections: while a server is down nobody is given its
# port, and a client that keeps trying to connect cannot meet itself there (TCP self-connect).
PORTS = range(15_000, 32_000)
_LAUNCHER = Path(__file__).with_name("launch.py")


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    for port in random.sample(PORTS, 200):
        if port_is_free(port):
            return port
    raise EmbeddedError(f"no free port found on {LOOPBACK} between {PORTS.start} and {PORTS.stop}; pass one")


def environment() -> dict[str, str]:
    """What a server sees of ours: nothing, so that no PG* variable steers it and no secret of ours leaks into it."""
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


def run_to_end(argv: Sequence[str | Path], account: Account | None, text: str = "") -> None:
    """Run a short program as the account, `text` on its standard input; on failure EmbeddedError shows its output."""
    done = subprocess.run(
        [str(argument) for argument in argv],
        check=False,
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=environment(),
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise EmbeddedError(f"{Path(argv[0]).name} failed with exit code {done.returncode}:\n{done.stdout.strip()}")


class _Spawner:
    """Starts all children from one thread that lives as long as the process.

    The kernel sends the death signal when the *thread* that created a child ends. A server started from a pool thread
    would be stopped whenever that pool shrinks.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._jobs = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pid = 0

    def run(self, job: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._pid != os.getpid():  # first use, or a fork, which does not copy threads
                self._pid = os.getpid()
                self._jobs = queue.SimpleQueue()
                threading.Thread(target=self._serve, args=(self._jobs,), name="embedded-spawner", daemon=True).start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self._jobs.put((job, future))
        return future.result()

    @staticmethod
    def _serve(
        jobs: "queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]",
    ) -> None:
        while True:
            job, future = jobs.get()
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                future.set_exception(error)


_spawner = _Spawner()


def spawn(
    argv: Sequence[str | Path],
    account: Account | None,
    *,
    death_signal: signal.Signals,
    log: Path,
    inherit: Sequence[int] = (),
    extra_environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server as the account, its output appended to `log`, keeping the descriptors `inherit` open.

    Its process id is the one of the returned process; it gets `death_signal` when this process dies.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    launcher = [sys.executable, "-I", "-S", _LAUNCHER, os.getpid(), uid, gid, int(death_signal), *argv]

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [str(argument) for argument in launcher],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment() | dict(extra_environment or {}),
                umask=0o077,
                pass_fds=inherit,
                start_new_session=True,
            )

    return _spawner.run(start)


def end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal in turn, waiting the given seconds after it, until the process is gone; SIGKILL comes last."""
    for number, seconds in (*steps, (signal.SIGKILL, 60.0)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within the time; asked every few milliseconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
