"""One installation whose every part can be hurt: servers, processes of roles, and the network between them."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bus_servers import DISPATCHERS, ROLES, BusServers, kind_of, through

from corebilling.platform.db.logins import APP_LOGIN, ensure_app_login
from corebilling.platform.db.migrations import migrate, schema_root
from corebilling.platform.embedded import EmbeddedPostgres
from corebilling.platform.embedded.roles import RoleProcess
from corebilling.platform.secrets import generate_key
from corebilling.settings import WORKER_COMPONENTS
from toxiproxy import Link, Network

_POSTGRES = {"shared_buffers": "128MB", "max_wal_size": "1GB"}
"""Little memory; durability as in production, because the tests are about it."""

_ENVIRONMENT = {
    "ENVIRONMENT": "development",
    "OTEL_SDK_DISABLED": "true",
    "LOG_LEVEL": "WARNING",
    "RATING_DEBOUNCE_SECONDS": "1",
    "OUTBOX_SWEEP_AFTER_SECONDS": "20",
    "WEBHOOK_ALLOW_PRIVATE_TARGETS": "true",
    "WEBHOOK_WORKER_INTERVAL_SECONDS": "1",
    "WEBHOOK_HTTP_TIMEOUT_SECONDS": "2",
    "WEBHOOK_BASE_DELAY_SECONDS": "1",
    "WEBHOOK_MAX_RETRIES": "12",
}


class Estate:
    """Servers, roles and links below one directory. Without a network the roles reach the servers directly."""

    def __init__(self, data: Path, bus: BusServers, network: Network | None) -> None:
        self.data = data
        self.bus = bus
        self.network = network
        self.postgres = EmbeddedPostgres(data / "postgres", settings=_POSTGRES)
        self.roles: dict[str, RoleProcess] = {}
        self.database_links: dict[str, Link] = {}
        self.app_url = ""

    @property
    def api_url(self) -> str:
        """Where the API listens; the same after each of its restarts."""
        return self.roles["api"].url

    def start(self) -> None:
        """Start the servers, bring the schema, start every role; returns once all are ready."""
        self.postgres.start()
        self.bus.start(self.network, ROLES)
        self.app_url = ensure_app_login(self.postgres.url, "for faults on loopback")
        migrate(self.postgres.url, schema_root(), app_login=APP_LOGIN)
        environment = {
            **_ENVIRONMENT,
            "ENCRYPTION_KEYS": generate_key(),
            "OBJECT_STORE_URL": (self.data.absolute() / "documents").as_uri(),
        }
        for name in ROLES:
            self.roles[name] = self._role(name, environment)
            self.roles[name].start()
        for role in self.roles.values():
            role.wait_ready()

    def stop(self) -> None:
        """Stop everything and delete the servers' data."""
        for role in self.roles.values():
            role.kill()
        self.bus.stop()
        self.postgres.remove()

    def links(self, name: str, server: Literal["PostgreSQL", "bus"]) -> list[Link]:
        """A role's ways to a server; none where there are no proxies."""
        if self.network is None:
            return []
        return [self.database_links[name]] if server == "PostgreSQL" else list(self.bus.links(name))

    def freeze(self, name: str) -> None:
        """Stop a role's process where it stands, as a paused virtual machine would."""
        os.kill(self.roles[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on, as if no time had passed."""
        os.kill(self.roles[name].pid, signal.SIGCONT)

    def _role(self, name: str, environment: Mapping[str, str]) -> RoleProcess:
        url = self.app_url
        if self.network is not None:
            self.database_links[name] = self.network.link(f"{name}-postgresql", self.postgres.port)
            url = through(url, self.database_links[name])
        own = {"DATABASE_URL": url, **self.bus.settings(name)}
        if name in DISPATCHERS:
            own["WORKER_COMPONENTS"] = "dispatcher"
        elif name == "worker":
            own["WORKER_COMPONENTS"] = ",".join(each for each in WORKER_COMPONENTS if each != "dispatcher")
        kind = kind_of(name)
        return RoleProcess(
            "worker" if kind == "dispatcher" else kind, {**environment, **own}, self.data / "logs" / f"{name}.log"
        )
