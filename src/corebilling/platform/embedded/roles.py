"""Our own roles as child processes, the way a cluster runs them: for `dev`, `demo`, benchmarks and fault tests."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from corebilling.platform.embedded.errors import EmbeddedError
from corebilling.platform.embedded.processes import LOOPBACK, end, free_port, spawn, wait_until

_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0


class RoleProcess:
    """One process of one role, with ports of its own and a log file; it ends when this process ends."""

    def __init__(self, role: str, environment: Mapping[str, str], log: Path) -> None:
        self.role = role
        self.http_port = free_port()
        self.metrics_port = free_port()
        self.log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the API listens (of use for the role `api` only)."""
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def metrics_url(self) -> str:
        """Where `/metrics`, `/healthz` and `/ready` are."""
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    @property
    def pid(self) -> int:
        """The process id. Raises EmbeddedError before the start."""
        if self._process is None:
            raise EmbeddedError(f"the role {self.role} was not started; call start() first")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; `wait_ready` says when it serves."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        ports = {"HTTP_PORT": str(self.http_port), "METRICS_PORT": str(self.metrics_port), "HTTP_HOST": LOOPBACK}
        self._process = spawn(
            [sys.executable, "-m", "corebilling", "run", "--role", self.role],
            None,
            death_signal=signal.SIGTERM,
            log=self.log,
            extra_environment={**self._environment, **ports, "ROLE": self.role},
        )

    def wait_ready(self) -> None:
        """Return when `/ready` answers 200. Raises EmbeddedError with the end of the log when it doesn't."""
        if not wait_until(lambda: self._is_ready() or not self.running, _READY_SECONDS) or not self.running:
            state = "is not ready" if self.running else "has ended"
            raise EmbeddedError(f"the role {self.role} {state}; the end of {self.log}:\n{self.log_tail()}")

    def stop(self) -> None:
        """Ask it to finish what it holds and wait for that; SIGKILL comes only after 30 s."""
        if self._process is not None:
            end(self._process, (signal.SIGTERM, _STOP_SECONDS))

    def kill(self) -> None:
        """SIGKILL, as a fault test or an out-of-memory killer would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.metrics_port}/ready", timeout=2) as answer:
                return bool(json.load(answer).get("status") == "UP")
        except (OSError, urllib.error.URLError, ValueError):
            return False
