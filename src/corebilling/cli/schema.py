"""`corebilling migrate`: bring the schema up to date."""

import os
from collections.abc import Sequence
from typing import Annotated, get_args
from urllib.parse import unquote, urlsplit

import msgspec
import typer
from rich.console import Console

from corebilling.cli.failures import told
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


@told
def migrate(
    phase: Annotated[
        list[str] | None, typer.Option(help="expand, migrate or contract; may be repeated. Default: expand and migrate")
    ] = None,
) -> None:
    """Apply pending schema migrations at DATABASE_MIGRATION_URL (else DATABASE_URL), then exit."""
    try:
        phases = msgspec.convert(phase or ["expand", "migrate"], tuple[Phase, ...])
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"choose from {', '.join(get_args(Phase))}") from error
    apply(load_settings(os.environ, role="migrate"), phases)
