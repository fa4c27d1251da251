"""The `corebilling` command. Each module holds commands that belong together; this one puts them on the table."""

from importlib.metadata import version
from typing import Annotated

import typer

from corebilling.cli import (
    admin,
    bus,
    demo,
    dev,
    dlq,
    doctor,
    events,
    ledger,
    operate,
    outbox,
    replay,
    run,
    schema,
    simulate,
    smoke,
    statements,
    verify,
)

app = typer.Typer(
    name="corebilling",
    help="A multi-tenant billing engine: usage in; invoices right to the cent, a ledger that proves them, and webhooks out.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("corebilling"))
        raise typer.Exit


@app.callback()
def _options(
    wanted: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


app.command("run")(run.run)
app.command("migrate")(schema.migrate)
app.command("doctor")(doctor.doctor)
app.add_typer(bus.bus, name="bus")
app.command("dev")(dev.dev)
app.command("demo")(demo.demo)
app.command("smoke")(smoke.smoke)
app.command("simulate")(simulate.simulate)
app.add_typer(admin.tenant, name="tenant")
app.add_typer(admin.api_key, name="api-key")
app.add_typer(admin.keys, name="keys")
app.command("routes")(operate.routes)
app.add_typer(events.events, name="events")
app.add_typer(dlq.dlq, name="dlq")
app.add_typer(outbox.outbox, name="outbox")
app.command("replay")(replay.replay)
app.add_typer(ledger.ledger, name="ledger")
app.add_typer(statements.statements, name="statements")
app.add_typer(operate.invoices, name="invoices")
app.command("verify-invoice")(verify.verify_invoice)

__all__ = ["app"]
