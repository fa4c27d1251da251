"""A network that can be hurt: each connection between two parts goes through a proxy, which cuts, slows or silences it.

The proxies are Toxiproxy's (https://github.com/Shopify/toxiproxy), built once with Go into `.cache`. Where Go is missing
there are none; on CI that is an error.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from corebilling.platform.embedded.processes import LOOPBACK, end, free_port, spawn, wait_until

_VERSION = "v2.12.0"
_PACKAGE = f"github.com/Shopify/toxiproxy/v2/cmd/server@{_VERSION}"
_CACHE = Path(__file__).resolve().parent.parent / ".cache" / "toxiproxy"
_BUILD_SECONDS = 600
_START_SECONDS = 30.0


def program() -> Path | None:
    """Toxiproxy's server, built if need be by one process while others wait; None where there is no Go to build it."""
    target = _CACHE / f"toxiproxy-{_VERSION}"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return target
        go = shutil.which("go")
        if go is None:
            if os.environ.get("CI"):
                pytest.fail("Go is missing: install it, the fault suite builds Toxiproxy with it")
            return None
        environment = os.environ | {"GOBIN": str(_CACHE), "CGO_ENABLED": "0"}
        done = subprocess.run(
            [go, "install", _PACKAGE],
            check=False, env=environment, timeout=_BUILD_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"Toxiproxy could not be built:\n{done.stdout.decode()}"
        return (_CACHE / "server").rename(target)


class Link:
    """One way from somebody to a server; `port` is where that somebody connects."""

    def __init__(self, network: "Network", name: str, upstream_port: int) -> None:
        self.name = name
        self.port = free_port()
        self._network = network
        self._path = f"/proxies/{name}"
        self._toxics: list[str] = []
        listen, upstream = f"{LOOPBACK}:{self.port}", f"{LOOPBACK}:{upstream_port}"
        network.ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        self._network.ask("POST", self._path, {"enabled": False})

    def slow(self, latency_ms: int, jitter_ms: int) -> None:
        """Let everything arrive late, both ways."""
        for stream in ("upstream", "downstream"):
            self._add("latency", stream, latency=latency_ms, jitter=jitter_ms)

    def silence(self, seconds: float) -> None:
        """Swallow what is sent, as behind a dead router: connections end after so long without a word, new ones too."""
        for stream in ("upstream", "downstream"):
            self._add("timeout", stream, timeout=int(seconds * 1000))

    def reset(self) -> None:
        """Answer with TCP resets, in the middle of whatever goes on."""
        self._add("reset_peer", "downstream", timeout=0)

    def mend(self) -> None:
        """As good as new. Connections that lost bytes end first: TCP would never hand over a stream with a hole."""
        if any(toxic.startswith(("timeout", "reset")) for toxic in self._toxics):
            self.cut()
        for toxic in self._toxics:
            self._network.ask("DELETE", f"{self._path}/toxics/{toxic}")
        self._toxics.clear()
        self._network.ask("POST", self._path, {"enabled": True})

    def _add(self, kind: str, stream: str, **attributes: int) -> None:
        name = f"{kind}_{stream}"
        self._network.ask(
            "POST", f"{self._path}/toxics", {"name": name, "type": kind, "stream": stream, "attributes": attributes}
        )
        self._toxics.append(name)


class Network:
    """A running Toxiproxy; a context manager. It ends with this process."""

    def __init__(self, server: Path, log: Path) -> None:
        self._server = server
        self._log = log
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        argv = [str(self._server), "-host", LOOPBACK, "-port", str(self._port)]
        self._process = spawn(
            argv, None, death_signal=signal.SIGTERM, log=self._log, extra_environment={"LOG_LEVEL": "error"}
        )
        assert wait_until(self._answers, _START_SECONDS), f"Toxiproxy doesn't answer:\n{self._log.read_text()}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        end(self._process, (signal.SIGTERM, 5.0))

    def link(self, name: str, upstream_port: int) -> Link:
        """A new way to a server on this machine. The server need not run yet; names are unique."""
        return Link(self, name, upstream_port)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call of Toxiproxy's own API."""
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self._port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _answers(self) -> bool:
        try:
            self.ask("GET", "/version")
        except OSError:
            return False
        return True
