"""The event catalog on the command line: which events there are, what one holds, and the document of all of them."""

from importlib.metadata import version
from typing import Annotated

import msgspec
import typer

from corebilling.cli.operate import AsJson, console, print_json, table
from corebilling.events.catalog import BY_SUBJECT, CATALOG

events = typer.Typer(help="The event catalog.", invoke_without_command=True)

Public = Annotated[bool, typer.Option("--public", help="Only those that webhooks can carry.")]


@events.callback()
def listed(context: typer.Context, public: Public = False, as_json: AsJson = False) -> None:
    """List the event catalog; `events show SUBJECT` tells what one holds."""
    if context.invoked_subcommand is not None:
        return
    rows = [row for row in CATALOG if row.public or not public]
    if as_json:
        print_json([{**msgspec.structs.asdict(row), "payload": row.payload.__name__} for row in rows])
        return
    shown = table("subject", "version", "published by", "resource", "webhooks", "payload")
    for row in rows:
        webhooks = "yes" if row.public else "no"
        shown.add_row(row.subject, str(row.version), row.publisher, row.resource, webhooks, row.payload.__name__)
    console.print(shown)


@events.command("show")
def show(subject: Annotated[str, typer.Argument(help="Such as invoice.paid.")]) -> None:
    """Print an event's JSON schema, and examples of it on the bus and in a webhook, as one JSON object."""
    from corebilling.platform.eventlog import catalog, samples  # noqa: PLC0415 - the HTTP stack is slow to import

    event = BY_SUBJECT.get(subject)
    if event is None:
        typer.echo(f"the catalog has no subject {subject}; `corebilling events` lists them", err=True)
        raise typer.Exit(1)
    shown = {"schema": catalog.schema(event), "on_the_bus": samples.cloud_event(event)}
    print_json(shown | ({"by_webhook": samples.delivery(event)} if event.public else {}))


@events.command("asyncapi")
def asyncapi() -> None:
    """Print the AsyncAPI document of all events, as GET /asyncapi.json serves it."""
    from corebilling.platform.eventlog.asyncapi import document  # noqa: PLC0415 - as above

    print_json(document(version("corebilling")))
