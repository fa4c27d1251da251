"""The life of one embedded server: locked directory, remembered port, start, readiness, stop."""

import atexit
import fcntl
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from corebilling.platform.embedded import processes
from corebilling.platform.embedded.errors import EmbeddedError
from corebilling.platform.embedded.places import LOCK, Home, settle

READY_SECONDS = 120.0  # crash recovery of a large database takes its time
PREDECESSOR_SECONDS = 60.0  # how long a killed owner's server may take to finish its shutdown
LOG_KEPT_BYTES = 16 * 1024 * 1024
_running: "dict[Path, Server]" = {}


class Server(ABC):
    """A server below `data`, on a loopback port; a context manager. Not for use by several threads at once."""

    name: ClassVar[str]
    death_signal: ClassVar[signal.Signals]

    def __init__(self, data: Path, *, port: int | None = None) -> None:
        self.data = Path(data)
        self._port = port
        self._home: Home | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # What a server is, told by the subclasses.

    @abstractmethod
    def _prepare(self, home: Home) -> None:
        """Make what must exist before the server can start; runs under the directory's lock."""

    @abstractmethod
    def _command(self, home: Home, port: int) -> list[str | Path]:
        """Program and arguments."""

    @abstractmethod
    def _is_ready(self, home: Home, port: int, pid: int) -> bool:
        """Whether this very process accepts clients now."""

    @abstractmethod
    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Stop in order."""

    # What every server does.

    @property
    def home(self) -> Home:
        """Where the data is in truth; differs from `data` when the server's account cannot reach that."""
        if self._home is None:
            self._home = settle(self.data)
        return self._home

    @property
    def log(self) -> Path:
        return self.home.path / f"{self.name}.log"

    @property
    def port(self) -> int:
        if self._port is None:
            raise EmbeddedError(f"{self.name} has no port before its first start; call start()")
        return self._port

    @property
    def pid(self) -> int:
        if self._process is None:
            raise EmbeddedError(f"{self.name} is not running; call start()")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, or start again on the same port and data, and return when it accepts clients.

        Raises EmbeddedError with the last lines of its log when it does not come up, and at once when another process
        uses the directory.
        """
        if self.running:
            raise EmbeddedError(f"{self.name} in {self.data} is running already; stop it first")
        with _locked(self.home, self.name) as lock:
            _rotate(self.log)
            self._prepare(self.home)
            self._launch(lock)
        _running[self.home.path] = self

    def kill(self) -> None:
        """End at once with SIGKILL, as a crash would; start() works afterwards."""
        if self._process:
            processes.end(self._process)
        self._forget()

    def remove(self) -> None:
        """Stop, and delete the data."""
        if self._process:
            self._end(self._process)
        self._forget()
        self.home.remove()
        self._home = None

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the server wrote."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _forget(self) -> None:
        self._process = None
        if _running.get(self.home.path) is self:
            del _running[self.home.path]

    def _launch(self, lock: int) -> None:
        fixed = self._port
        for _attempt in range(3):
            port = fixed or _remembered_port(self.home) or processes.free_port()
            process = processes.spawn(
                self._command(self.home, port),
                self.home.account,
                death_signal=self.death_signal,
                log=self.log,
                inherit=(lock,),
            )
            if self._came_up(process, port):
                self._process, self._port = process, port
                self.home.write("port", f"{port}\n")
                return
            if fixed or processes.port_is_free(port):
                break  # the port was not the trouble
        hint = f" (port {port} is taken)" if not processes.port_is_free(port) else ""
        raise EmbeddedError(f"{self.name} did not start{hint}; the end of {self.log}:\n{self.log_tail()}")

    def _came_up(self, process: subprocess.Popen[bytes], port: int) -> bool:
        try:
            processes.wait_until(
                lambda: process.poll() is not None or self._is_ready(self.home, port, process.pid), READY_SECONDS
            )
        except BaseException:
            processes.end(process)
            raise
        if process.poll() is None and self._is_ready(self.home, port, process.pid):
            return True
        processes.end(process)
        return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop in order; nothing happens if it does not run."""
        if self._process:
            self._end(self._process)
        self._forget()


def stop_all() -> None:
    """Stop every embedded server this process runs, newest first. For signal handlers' ends; also runs at exit."""
    for server in reversed(list(_running.values())):
        server.stop()


atexit.register(stop_all)
os.register_at_fork(after_in_child=_running.clear)  # a forked child's exit must not stop its parent's servers


@contextmanager
def _locked(home: Home, name: str) -> Iterator[int]:
    """Hold the directory's lock while the server is started; the server inherits it and holds it until it is gone.

    So the lock tells the truth even when its owner was killed and the server still writes its last checkpoint.
    """
    path = home.path / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        home.give(path, 0o600)
        if not _take(descriptor):
            owner = int(os.pread(descriptor, 20, 0) or 0)
            other = _running.get(home.path)
            # A server of this process that was killed a moment ago may leave children that are ending just now.
            ending = owner == os.getpid() and (other is None or not other.running)
            if _alive(owner) and not ending:
                raise EmbeddedError(
                    f"{name} in {home.asked} is in use by process {owner}: stop that process, or give another directory"
                )
            if not processes.wait_until(lambda: _take(descriptor), PREDECESSOR_SECONDS):
                raise EmbeddedError(
                    f"{name} in {home.asked} still runs although its owner ended; end the process that holds {path} "
                    f"(fuser {path} names it), or give another data directory"
                )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def _remembered_port(home: Home) -> int | None:
    """The port of the last start, if it is free now."""
    try:
        port = int((home.path / "port").read_text())
    except (OSError, ValueError):
        return None
    return port if processes.port_is_free(port) else None


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.rename(log.with_suffix(f".{time.strftime('%Y%m%d%H%M%S')}.log"))
