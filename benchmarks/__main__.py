"""`make bench`: every benchmark on a real installation of its own; a table for people, JSON for programs."""

import asyncio
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import (
    backbone,
    buses,
    close,
    ingest,
    ledger,
    payments,
    pdf,
    preview,
    ratings,
    simulation,
    soak,
    usage_query,
    webhooks,
)
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
    "webhooks",
    "ledger",
    "payments",
)
LONG = ("soak",)
"""Minutes each, and so only when asked for."""
POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "8GB"}


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"one of {', '.join((*NAMES, *LONG))}; may be repeated")
    ] = None,
    scale: Annotated[float, typer.Option(help="1 is the size of docs/benchmarks.md")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="write the figures here; - for standard output")] = None,
) -> None:
    """Measure; each figure says against which floor."""
    console = Console(stderr=json == Path("-"), width=160)
    chosen = only or list(NAMES)
    if unknown := set(chosen) - {*NAMES, *LONG}:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join((*NAMES, *LONG))}")
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
        return _backbone(scale)
    if name == "soak":
        with _servers() as (app_url, nats_url):
            return asyncio.run(soak.run(app_url, buses.nats(nats_url), scale))
    if name == "webhooks":
        with _servers() as (app_url, nats_url):
            return webhooks.run(app_url, nats_url, scale)
    if name == "ledger":
        with _servers() as (app_url, _):
            return ledger.run(app_url, scale)
    with local_installation(environment={"LOG_LEVEL": "WARNING"}, postgres=POSTGRES) as here:
        return _on_an_installation(name, here, scale)


def _backbone(scale: float) -> list[Result]:
    """The same on both buses, each with a database of its own."""
    with _servers() as (app_url, nats_url):
        results = asyncio.run(backbone.run(app_url, buses.nats(nats_url), scale))
    with buses.kafka() as kafka:
        if kafka is not None:
            with _servers() as (app_url, _):
                results += asyncio.run(backbone.run(app_url, kafka, scale))
    return results


@contextmanager
def _servers() -> Iterator[tuple[str, str]]:
    """The addresses of a migrated database, as the product's login, and of NATS."""
    with EmbeddedStack.temporary(settings=POSTGRES) as stack:
        app_url = ensure_app_login(stack.database_url, secrets.token_urlsafe(16))
        migrate(stack.database_url, schema_root(), app_login=APP_LOGIN)
        yield app_url, stack.nats_url


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
