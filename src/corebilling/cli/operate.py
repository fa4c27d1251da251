"""Commands for whoever runs an installation: look at routes and due invoices."""

import asyncio
import os
import sys
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from corebilling.cli.bootstrap import with_container
from corebilling.cli.failures import told
from corebilling.container import Container
from corebilling.kernel.ids import first_id_at
from corebilling.platform.queries import progress
from corebilling.settings import Settings, load_settings

invoices = typer.Typer(help="Invoices, across all tenants.", no_args_is_help=True)

console = Console(
    highlight=False, width=None if sys.stdout.isatty() else 200
)  # a file or a pipe has no width of its own

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def worker_settings() -> Settings:
    """The settings of commands that look at an installation's database."""
    return load_settings({"ENVIRONMENT": "development", **os.environ}, role="worker")


def print_json(answer: object) -> None:
    """An answer for programs, on standard output."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")


def table(*headings: str) -> Table:
    """A table without lines, which wraps what is too long."""
    made = Table(box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def routes(as_json: AsJson = False) -> None:
    """List every HTTP route with the scope that it asks for."""
    from corebilling.platform.http import route_table  # noqa: PLC0415 - the HTTP stack is slow to import
    from corebilling.roles.api import application  # noqa: PLC0415

    rows = route_table(
        application(Container(settings=Settings(database_url="postgresql://", environment="development")))
    )
    if as_json:
        print_json(rows)
        return
    shown = table("method", "path", "scope", "summary")
    for row in rows:
        shown.add_row(row.method, row.path, row.scope or "(none)", row.summary)
    console.print(shown)


@invoices.command("close-due")
@told
def invoices_close_due(
    wait: Annotated[bool, typer.Option("--wait", help="return once every period closed here has its invoice")] = False,
    patience_seconds: Annotated[float, typer.Option(help="how long to wait with --wait")] = 3600.0,
) -> None:
    """Close every period that is due, now, as the worker's scheduler does all the time; for a scheduled job that says when it's done.

    Counted as on their way to an invoice: closed periods whose event waits, is parked after a failure or was given up.
    Exit code 1 if --wait runs out of patience with any of them left.
    """

    async def work(container: Container) -> tuple[int, int]:
        since = container.clock()() - _BEFORE
        closed = 0
        while count := await container.closing().close_once():
            closed += count
        left = await _on_their_way(container, since)
        deadline = asyncio.get_running_loop().time() + patience_seconds
        while wait and left and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(1)
            left = await _on_their_way(container, since)
        return closed, left

    closed, left = with_container(worker_settings(), work)
    console.print(f"{closed} periods closed now, {left} closed ones still on their way to an invoice")
    if wait and left:
        raise typer.Exit(1)


_BEFORE = timedelta(hours=1)
_TO_AN_INVOICE = ("billing.cycle.closed", "rating.completed")


async def _on_their_way(container: Container, since: datetime) -> int:
    pairs = [pair for pair in container.subscriptions().pairs if pair[0] in _TO_AN_INVOICE]
    async with container.database().system() as tx:
        count = await progress.count_on_their_way(
            tx.conn,
            subjects=[subject for subject, _ in pairs],
            consumers=[consumer for _, consumer in pairs],
            since=first_id_at(since),
        )
    return count or 0
