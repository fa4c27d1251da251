"""Schema migrations: `sql/schema/<context>/NNNN_<what>.<expand|migrate|contract>.sql`, forward only.

`expand` must run while the old code serves; `contract` runs only when asked for. Files are applied in the order
of contexts and numbers, each in a transaction of its own, recorded with a checksum, under one advisory lock, so
that several migrate jobs at once do the work once. An applied file that has changed since is an error.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import psycopg
from psycopg import Connection, sql

Phase = Literal["expand", "migrate", "contract"]
PHASES: tuple[Phase, ...] = get_args(Phase)

CONTEXTS = (
    "platform", "audit", "tenant", "customer", "pricing", "subscription", "usage",
    "rating", "ledger", "invoice", "payment", "webhook", "scheduler",
)  # fmt: skip
"""In order of dependency: a context's files may refer to tables of those before it."""

OWNER = "corebilling_owner"
ROLES = ("corebilling_app", "corebilling_router", "corebilling_system", "corebilling_identity")

_ADVISORY_LOCK = 0x636F7265_62696C6C  # "corebill"
_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.(expand|migrate|contract)\.sql$")


class MigrationError(RuntimeError):
    """The schema can't be brought to where it should be; the message says what to do."""


class Migration(msgspec.Struct, frozen=True):
    """One file."""

    context: str
    number: int
    name: str
    phase: Phase
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def label(self) -> str:
        """`usage/0001_usage.expand`."""
        return f"{self.context}/{self.number:04d}_{self.name}.{self.phase}"


def schema_root() -> Path:
    """Where the files are: inside the installed package, or in the checkout that it was installed from."""
    package = Path(__file__).resolve().parents[2]
    packaged = package / "schema"
    return packaged if packaged.is_dir() else package.parents[1] / "sql" / "schema"


def load(root: Path, contexts: Iterable[str] = CONTEXTS) -> list[Migration]:
    """Every migration below `root`, in the order of application. Raises `MigrationError` for a bad name or number."""
    wanted = set(contexts)
    if unknown := wanted - set(CONTEXTS):
        raise MigrationError(f"unknown migration services {sorted(unknown)}; choose from {', '.join(CONTEXTS)}")
    found: list[Migration] = []
    for context in (c for c in CONTEXTS if c in wanted):
        numbers: set[int] = set()
        for path in sorted((root / context).glob("*.sql")):
            match = _NAME.match(path.name)
            if not match:
                raise MigrationError(f"{path}: name it NNNN_<what>.<expand|migrate|contract>.sql")
            number, name, phase = int(match[1]), match[2], match[3]
            if number in numbers:
                raise MigrationError(f"{path}: number {number:04d} is taken; use the next free one")
            numbers.add(number)
            found.append(Migration(context, number, name, msgspec.convert(phase, Phase), path.read_text()))
    return found


def pending(conn: Connection[Any], migrations: Sequence[Migration]) -> list[Migration]:
    """Those not yet applied. Raises `MigrationError` where an applied file has changed."""
    exists = conn.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
    if not exists or not exists[0]:
        return list(migrations)
    rows = conn.execute("SELECT context, number, checksum FROM public.schema_migrations").fetchall()
    applied = {(context, number): checksum for context, number, checksum in rows}
    for migration in migrations:
        recorded = applied.get((migration.context, migration.number))
        if recorded is not None and recorded != migration.checksum:
            raise MigrationError(
                f"{migration.label} was changed after it had been applied; restore the file and put the change in a new one"
            )
    return [m for m in migrations if (m.context, m.number) not in applied]


def unapplied(applied: Iterable[tuple[str, int]], migrations: Sequence[Migration]) -> list[str]:
    """Labels of the expand and migrate files that a database still lacks, given the (context, number) it has."""
    there = set(applied)
    return [m.label for m in migrations if m.phase != "contract" and (m.context, m.number) not in there]


def migrate(
    url: str,
    root: Path,
    *,
    contexts: Iterable[str] = CONTEXTS,
    phases: Iterable[Phase] = ("expand", "migrate"),
    app_login: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> list[Migration]:
    """Apply what is pending in the given phases and return it; `report` gets a line for each file.

    `url` needs a login that may create roles (or finds them made) and owns the database. `app_login` is the login of
    the running product: it may switch to the product's roles and inherits none of them.
    """
    migrations = load(root, contexts)
    wanted = set(phases)
    with psycopg.connect(url, autocommit=True, application_name="corebilling-migrate") as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
        _prepare(conn, app_login)
        todo = pending(conn, migrations)
        done = []
        for migration in todo:
            if migration.phase not in wanted:
                report(f"{migration.label} waits for --phase {migration.phase}")
                continue
            started = time.monotonic()
            _apply(conn, migration)
            report(f"{migration.label} applied in {(time.monotonic() - started) * 1000:.0f} ms")
            done.append(migration)
    return done


def _prepare(conn: Connection[Any], app_login: str | None) -> None:
    """Roles (they belong to the cluster, so they may be there already), history table, grants to the logins."""
    me = conn.execute("SELECT current_user").fetchone()
    assert me is not None
    for role in (OWNER, *ROLES):
        if conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        for login in {me[0], app_login} - {None}:
            if role == OWNER and login != me[0]:
                continue
            _grant_role(conn, role, str(login))
    owner = sql.Identifier(OWNER)
    conn.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(owner))
    conn.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for role in ROLES:
        conn.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))
    conn.execute(sql.SQL("SET ROLE {}").format(owner))
    conn.execute("""
        CREATE TABLE IF NOT EXISTS public.schema_migrations (
          context text NOT NULL, number integer NOT NULL, name text NOT NULL, phase text NOT NULL,
          checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (context, number))""")
    conn.execute("GRANT SELECT ON public.schema_migrations TO corebilling_system, corebilling_app")


def _grant_role(conn: Connection[Any], role: str, login: str) -> None:
    member = conn.execute(
        """SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles l ON l.oid = m.member
           WHERE r.rolname = %s AND l.rolname = %s AND m.set_option AND NOT m.inherit_option""",
        (role, login),
    ).fetchone()
    if member is None:
        conn.execute(
            sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(sql.Identifier(role), sql.Identifier(login))
        )


def _apply(conn: Connection[Any], migration: Migration) -> None:
    try:
        with conn.transaction():
            conn.execute("SET LOCAL lock_timeout = '5s'")
            conn.execute(migration.text.encode())
            conn.execute(
                "INSERT INTO public.schema_migrations (context, number, name, phase, checksum) VALUES (%s, %s, %s, %s, %s)",
                (migration.context, migration.number, migration.name, migration.phase, migration.checksum),
            )
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            f"{migration.label}: a table stayed locked for 5 s; run migrate again when it is quieter"
        ) from error
    except psycopg.Error as error:
        raise MigrationError(f"{migration.label}: {error}") from error
