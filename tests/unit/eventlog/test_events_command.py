import json

from typer.testing import CliRunner

from corebilling.cli import app
from corebilling.events.catalog import CATALOG

RUNNER = CliRunner()


def test_the_catalog_is_listed_whole_or_what_webhooks_carry() -> None:
    every = json.loads(RUNNER.invoke(app, ["events", "--json"]).stdout)
    public = json.loads(RUNNER.invoke(app, ["events", "--public", "--json"]).stdout)
    assert [row["subject"] for row in every] == [row.subject for row in CATALOG]
    assert [row["subject"] for row in public] == [row.subject for row in CATALOG if row.public]
    assert "invoice.paid" in RUNNER.invoke(app, ["events"]).stdout


def test_one_event_is_shown_with_its_schema_and_examples() -> None:
    shown = json.loads(RUNNER.invoke(app, ["events", "show", "invoice.paid"]).stdout)
    assert shown["schema"]["title"] == shown["on_the_bus"]["type"] == shown["by_webhook"]["type"] == "invoice.paid"
    internal = json.loads(RUNNER.invoke(app, ["events", "show", "ledger.posted"]).stdout)
    assert set(internal) == {"schema", "on_the_bus"}
    own = json.loads(RUNNER.invoke(app, ["events", "show", "custom.published"]).stdout)
    assert (own["by_webhook"]["type"], own["on_the_bus"]["data"]["subject"]) == ("order.shipped", "order.shipped")


def test_an_unknown_subject_is_said_to_be_one() -> None:
    told = RUNNER.invoke(app, ["events", "show", "invoice.lost"])
    assert told.exit_code == 1
    assert "corebilling events" in told.stderr


def test_the_asyncapi_document_is_printed() -> None:
    printed = json.loads(RUNNER.invoke(app, ["events", "asyncapi"]).stdout)
    assert (printed["asyncapi"], list(printed["channels"])) == ("3.0.0", ["bus", "webhook"])
