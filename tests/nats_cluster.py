"""Three NATS servers on loopback that are one cluster with JetStream."""

import json
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from corebilling.platform.embedded import EmbeddedNats, processes
from corebilling.platform.embedded.places import Home

SERVERS = 3


class NatsNode(EmbeddedNats):
    """One server of a cluster. All have one password, so that any of them takes a client that another one lost."""

    def __init__(self, data: Path, *, node: int, routes: Sequence[int], password: str) -> None:
        super().__init__(data, port=processes.free_port())
        self._node = node
        self._routes = routes
        self._password = password

    def _prepare(self, home: Home) -> None:
        home.write("password", self._password)
        super()._prepare(home)

    def _command(self, home: Home, port: int) -> list[str | Path]:
        command = super()._command(home, port)
        configuration = json.loads(Path(command[-1]).read_text())
        configuration["cluster"] = {
            "name": "corebilling-tests",
            "listen": f"{processes.LOOPBACK}:{self._routes[self._node]}",
            "routes": [f"nats://{processes.LOOPBACK}:{port}" for port in self._routes],
            "no_advertise": True,  # clients know all of them anyway, perhaps by ways of their own
        }
        return [*command[:-1], home.write("nats.conf", json.dumps(configuration))]


class NatsCluster:
    """The servers. A context manager; what they wrote is deleted at the end."""

    def __init__(self, data: Path) -> None:
        routes = [processes.free_port() for _ in range(SERVERS)]
        password = secrets.token_hex(16)
        self.servers = [
            NatsNode(data / f"nats-{node}", node=node, routes=routes, password=password) for node in range(SERVERS)
        ]

    @property
    def url(self) -> str:
        """All of them, as NATS_URL has it."""
        return ",".join(server.url for server in self.servers)

    def start(self) -> None:
        """Start those that don't run. Raises EmbeddedError with the end of a log."""
        with ThreadPoolExecutor(SERVERS) as starters:
            list(starters.map(EmbeddedNats.start, [server for server in self.servers if not server.running]))

    def stop(self) -> None:
        """End all of them at once, and delete what they wrote."""
        for server in self.servers:
            server.kill()
            server.remove()

    def __enter__(self) -> "NatsCluster":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
