"""`make bench`: every benchmark on a real installation of its own; a table for people, JSON for programs."""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import backbone, close, ingest, ledger, payments, pdf, preview, ratings, simulation, usage_query
from benchmarks.machine import describe
from benchmarks.results import Result, encoded, show
from corebilling.cli.bootstrap import platform_key
from corebilling.cli.local import LocalInstallation, local_installation
from corebilling.platform.db.logins import APP_LOGIN, ensure_app_login
from corebilling.platform.db.migrations import migrate, schema_root
from corebilling.platform.embedded import EmbeddedStack

NAMES = (
    "ingest",
    "singles",
    "preview",
    "ratings",
    "pdf",
    "close",
    "simulation",
    "usage-query",
    "backbone",
    "ledger",
    "payments",
)
POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "8GB"}


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"one of {', '.join(NAMES)}; may be repeated")] = None,
    scale: Annotated[float, typer.Option(help="1 is the size of docs/benchmarks.md")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="write the figures here; - for standard output")] = None,
) -> None:
    """Measure; each figure says against which floor."""
    console = Console(stderr=json == Path("-"), width=160)
    chosen = only or list(NAMES)
    if unknown := set(chosen) - set(NAMES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    machine = describe()
    results: list[Result] = []
    for name in chosen:
        console.print(f"• {name}")
        results += _measured(name, scale)
    show(console, machine, results)
    if json == Path("-"):
        sys.stdout.buffer.write(encoded(machine, results) + b"\n")
    elif json is not None:
        json.write_bytes(encoded(machine, results) + b"\n")


def _measured(name: str, scale: float) -> list[Result]:
    """Each on fresh servers, so that none inherits another's bloat."""
    if name == "ratings":
        return ratings.run(scale)
    if name == "pdf":
        return pdf.run(scale)
    if name == "backbone":
        with EmbeddedStack.temporary(settings=POSTGRES) as stack:
            app_url = ensure_app_login(stack.database_url, secrets.token_urlsafe(16))
            migrate(stack.database_url, schema_root(), app_login=APP_LOGIN)
            return asyncio.run(backbone.run(app_url, stack.nats_url, scale))
    if name == "ledger":
        with EmbeddedStack.temporary(settings=POSTGRES) as stack:
            app_url = ensure_app_login(stack.database_url, secrets.token_urlsafe(16))
            migrate(stack.database_url, schema_root(), app_login=APP_LOGIN)
            return ledger.run(app_url, scale)
    with local_installation(environment={"LOG_LEVEL": "WARNING"}, postgres=POSTGRES) as here:
        return _on_an_installation(name, here, scale)


def _on_an_installation(name: str, here: LocalInstallation, scale: float) -> list[Result]:
    admin_key = platform_key(here.app_url, "bench")
    url = here.api.url
    if name == "ingest":
        return asyncio.run(ingest.batches(url, admin_key, scale))
    if name == "singles":
        return asyncio.run(ingest.singles(url, admin_key, scale))
    if name == "preview":
        return asyncio.run(preview.run(url, admin_key, scale))
    if name == "payments":
        return asyncio.run(payments.run(here, admin_key, scale))
    if name == "simulation":
        return asyncio.run(simulation.run(url, admin_key, here.stack.database_url, scale))
    if name == "usage-query":
        return asyncio.run(usage_query.run(url, admin_key, here.stack.database_url, scale))
    return asyncio.run(close.run(url, admin_key, here.stack.database_url, scale))


if __name__ == "__main__":
    typer.run(main)
