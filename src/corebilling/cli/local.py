"""A whole installation on this machine: embedded servers, the schema, and every role as a process of its own."""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import msgspec

from corebilling.platform.db.logins import APP_LOGIN, ensure_app_login
from corebilling.platform.db.migrations import migrate, schema_root
from corebilling.platform.embedded import EmbeddedStack
from corebilling.platform.embedded.roles import RoleProcess
from corebilling.platform.secrets import generate_key

ROLES = ("api", "router", "worker")

DEVELOPMENT = MappingProxyType(
    {
        "ENVIRONMENT": "development",
        "OTEL_SDK_DISABLED": "true",
        "LOG_LEVEL": "INFO",
        "WEBHOOK_ALLOW_PRIVATE_TARGETS": "true",
        "GATEWAY_ALLOW_PRIVATE_TARGETS": "true",
        "WEBHOOK_WORKER_INTERVAL_SECONDS": "1",
    }
)


class Secrets(msgspec.Struct, frozen=True):
    """What a second start must find again."""

    app_password: str
    encryption_key: str


class LocalInstallation:
    """Servers and roles over one data directory."""

    def __init__(self, data: Path, environment: Mapping[str, str], postgres: Mapping[str, str]) -> None:
        self.data = data
        self.stack = EmbeddedStack(data, settings=postgres)
        self._environment = dict(environment)
        self.roles: dict[str, RoleProcess] = {}
        self.app_url = ""

    @property
    def api(self) -> RoleProcess:
        """The API's process."""
        return self.roles["api"]

    def start(self, report: Callable[[str], None]) -> None:
        """Start everything and return once every role is ready. Raises EmbeddedError."""
        report("starting PostgreSQL and NATS")
        self.stack.start()
        kept = self._secrets()
        self.app_url = ensure_app_login(self.stack.database_url, kept.app_password)
        applied = migrate(self.stack.database_url, schema_root(), app_login=APP_LOGIN)
        report(f"schema is up to date ({len(applied)} migrations applied)")
        environment = {
            **DEVELOPMENT,
            "DATABASE_URL": self.app_url,
            "NATS_URL": self.stack.nats_url,
            "ENCRYPTION_KEYS": kept.encryption_key,
            "OBJECT_STORE_URL": (self.data.absolute() / "documents").as_uri(),
            **self._environment,
        }
        self.environment = environment
        for role in ROLES:
            self.roles[role] = RoleProcess(role, environment, self.data / "logs" / f"{role}.log")
            self.roles[role].start()
        for process in self.roles.values():
            process.wait_ready()
        report("api, router and worker are ready")

    def stop(self) -> None:
        """Stop the roles, each finishing what it holds, then the servers."""
        for role in ROLES:
            if role in self.roles:
                self.roles[role].stop()
        self.stack.stop()

    def _secrets(self) -> Secrets:
        path = self.data / "secrets.json"
        if path.exists():
            return msgspec.json.decode(path.read_bytes(), type=Secrets)
        fresh = Secrets(secrets.token_urlsafe(24), generate_key())
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(fresh))
        return fresh


@contextmanager
def local_installation(
    data: Path | None = None,
    *,
    environment: Mapping[str, str] = MappingProxyType({}),
    postgres: Mapping[str, str] = MappingProxyType({}),
    report: Callable[[str], None] = lambda _: None,
) -> Iterator[LocalInstallation]:
    """A running installation; without `data` in a temporary directory that is gone at the end."""
    place = data or Path(tempfile.mkdtemp(prefix="corebilling-"))
    place.mkdir(parents=True, exist_ok=True)
    if data is None:
        place.chmod(0o711)  # the servers' unprivileged account must pass when we are root
    installation = LocalInstallation(place, environment, postgres)
    try:
        installation.start(report)
        yield installation
    finally:
        installation.stop()
        if data is None:
            installation.stack.remove()
            shutil.rmtree(place, ignore_errors=True)
