"""`corebilling migrate`: bring the schema up to date."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, get_args
from urllib.parse import unquote, urlsplit

import msgspec
import typer
from rich.console import Console

from corebilling.cli.failures import told
from corebilling.kernel.errors import Unavailable
from corebilling.platform.db.migrations import CONTEXTS, Phase, schema_root
from corebilling.platform.db.migrations import migrate as apply_migrations
from corebilling.settings import Settings, load_settings

console = Console(stderr=True, highlight=False)


def apply(settings: Settings, phases: Sequence[Phase]) -> None:
    """Apply what is pending, printing a line for each file."""
    done = apply_migrations(
        settings.database_migration_url or settings.database_url,
        schema_root(),
        contexts=settings.enabled_migration_services or CONTEXTS,
        phases=phases,
        app_login=unquote(urlsplit(settings.database_url).username or "") or None,
        report=lambda line: console.print(f"  {line}", markup=False),
    )
    console.print(f"schema is up to date; {len(done)} migrations applied", markup=False)


def declare_bus(settings: Settings, environment: Mapping[str, str]) -> None:
    """Make or mend what the event bus needs, where the environment names one. Raises Unavailable."""
    if not environment.get("KAFKA_BROKERS" if settings.event_bus == "kafka" else "NATS_URL"):
        return
    from corebilling.cli.bus import declare_topology  # noqa: PLC0415 - contexts and a bus, which the schema doesn't need
    from corebilling.container import Container  # noqa: PLC0415

    try:
        changes = asyncio.run(declare_topology(Container(settings=settings)))
    except Unavailable as error:
        raise Unavailable(
            f"the schema is up to date, the bus is not: {error.message}; run migrate again, or with --no-bus",
            code=error.code,
        ) from error
    for change in changes:
        console.print(f"  {change}", markup=False)
    console.print(f"{settings.event_bus} is as the settings say; {len(changes)} changes", markup=False)


@told
def migrate(
    phase: Annotated[
        list[str] | None, typer.Option(help="expand, migrate or contract; may be repeated. Default: expand and migrate")
    ] = None,
    with_bus: Annotated[
        bool, typer.Option("--bus/--no-bus", help="also declare the event bus at NATS_URL or KAFKA_BROKERS, if set")
    ] = True,
) -> None:
    """Apply pending schema migrations at DATABASE_MIGRATION_URL (else DATABASE_URL), declare the event bus, then exit."""
    try:
        phases = msgspec.convert(phase or ["expand", "migrate"], tuple[Phase, ...])
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"choose from {', '.join(get_args(Phase))}") from error
    settings = load_settings(os.environ, role="migrate")
    apply(settings, phases)
    if with_bus:
        declare_bus(settings, os.environ)
