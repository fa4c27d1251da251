"""The database server, the login of the product, row security and the schema."""

from urllib.parse import urlsplit

from corebilling.container import Container
from corebilling.kernel.errors import Unavailable
from corebilling.platform.bus.port import Finding, Level
from corebilling.platform.clock import wall_clock
from corebilling.platform.db.migrations import CONTEXTS, ROLES, load, schema_root, unapplied
from corebilling.platform.queries import doctor as queries
from corebilling.platform.queries import releases

_OLDEST_VERSION = 160_000
_CLOCKS_APART_SECONDS = 5.0
_MIGRATE = "run `corebilling migrate`"


async def answers(container: Container) -> bool:
    """Whether the database can be asked at all."""
    try:
        async with container.database().system() as tx:
            await releases.ping(tx.conn)
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return False
    return True


async def server_and_login(container: Container) -> list[Finding]:
    """PostgreSQL's version, the clock, and that the login can't get past row security."""
    asked = wall_clock()
    try:
        async with container.database().system() as tx:
            facts = await queries.login_facts(tx.conn)
            missing = await queries.roles_out_of_reach(tx.conn, names=list(ROLES))
            open_tables = await queries.unsecured_tables(tx.conn)
    except Unavailable:
        place = urlsplit(container.settings().database_url)
        return [
            Finding(
                Level.ERROR,
                f"PostgreSQL at {place.hostname}:{place.port or 5432} takes no connection",
                "look at DATABASE_URL and at the server",
            )
        ]
    assert facts is not None
    found = []
    if facts.server_version < _OLDEST_VERSION:
        found.append(Finding(Level.ERROR, f"PostgreSQL {facts.server_version // 10_000}", "upgrade it to 16 or newer"))
    if facts.passes_row_security:
        found.append(
            Finding(
                Level.ERROR,
                f"the login {facts.login} is a superuser or bypasses row security",
                "give DATABASE_URL a login of its own, as docs/deployment.md tells",
            )
        )
    elif facts.owns_tables:
        found.append(
            Finding(
                Level.ERROR, f"the login {facts.login} owns tables", "give the service a login that migrate doesn't use"
            )
        )
    if missing:
        found.append(Finding(Level.ERROR, f"{facts.login} can't switch to {', '.join(missing)}", _MIGRATE))
    if open_tables:
        found.append(
            Finding(
                Level.ERROR,
                f"row security doesn't guard {', '.join(open_tables)}",
                "somebody has changed the schema: ALTER TABLE … FORCE ROW LEVEL SECURITY",
            )
        )
    apart = abs((facts.clock - asked).total_seconds())
    if apart > _CLOCKS_APART_SECONDS:
        found.append(
            Finding(Level.WARNING, f"this clock and the database's are {apart:.0f} s apart", "synchronise both by NTP")
        )
    version = f"PostgreSQL {facts.server_version // 10_000}.{facts.server_version % 10_000}, login {facts.login}"
    return found or [Finding(Level.OK, version)]


async def schema(container: Container) -> list[Finding]:
    """That the schema is that of this release."""
    shipped = load(schema_root(), container.settings().enabled_migration_services or CONTEXTS)
    async with container.database().system() as tx:
        applied = {(row.context, row.number) for row in await releases.applied_migrations(tx.conn)}
    found = []
    if missing := unapplied(applied, shipped):
        found.append(
            Finding(Level.ERROR, f"{len(missing)} migrations are missing, the first is {missing[0]}", _MIGRATE)
        )
    waiting = [m.label for m in shipped if m.phase == "contract" and (m.context, m.number) not in applied]
    if waiting:
        found.append(
            Finding(
                Level.WARNING,
                f"{', '.join(waiting)} waits",
                "run `corebilling migrate --phase contract` once no older release runs",
            )
        )
    ahead = applied - {(m.context, m.number) for m in load(schema_root())}
    if ahead:
        found.append(
            Finding(
                Level.WARNING,
                f"the schema is {len(ahead)} migrations ahead of this release",
                "ask with the release that runs",
            )
        )
    return found or [Finding(Level.OK, f"{len(applied)} migrations")]
