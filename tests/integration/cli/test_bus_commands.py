"""What an operator declares on the event bus, sees of it and waits for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import within

from corebilling.platform.embedded import EmbeddedNats

NO_DATABASE = "postgresql://nowhere.invalid/none"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a NATS on which nothing has been declared."""
    with EmbeddedNats(tmp_path / "nats") as running:
        yield running.url


def test_a_bus_is_looked_at_declared_and_found_well(server: str) -> None:
    where = {"DATABASE_URL": NO_DATABASE, "NATS_URL": server}
    for _ in range(2):  # looking made nothing
        run = within("bus", "status", **where)
        assert (run.returncode, "there is no stream" in run.stdout) == (1, True), run.stdout
    assert "no router was ever there" in within("bus", "drained", **where).stdout
    declared = within("bus", "declare", **where)
    assert (declared.returncode, "2 changes" in declared.stdout) == (0, True), declared.stderr
    assert "0 changes" in within("bus", "declare", **where).stdout
    run = within("bus", "status", "--json", **where)
    answer = json.loads(run.stdout)
    assert (run.returncode, answer["bus"], answer["backlog"]) == (0, "nats", 0)
    assert {finding["level"] for finding in answer["findings"]} == {"ok"}
    shorter = within("bus", "status", EVENT_RETENTION_DAYS="20", **where)
    assert (shorter.returncode, "bus declare" in shorter.stdout) == (1, True)
    assert within("bus", "drained", "--wait", **where).returncode == 0


def test_migrate_declares_the_bus_that_the_environment_names(
    owner_url: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corebilling.cli.bus._CONNECT_SECONDS", 0.2)
    where = {"DATABASE_URL": owner_url}
    assert "nats is" not in within("migrate", **where).stderr, "no address, no bus"
    assert "nats is" not in within("migrate", "--no-bus", NATS_URL=server, **where).stderr
    assert "2 changes" in within("migrate", NATS_URL=server, **where).stderr
    assert "; 0 changes" in within("run", "--role", "migrate", NATS_URL=server, **where).stderr
    gone = within("migrate", NATS_URL="nats://127.0.0.1:1", **where)
    assert (gone.returncode, "the schema is up to date, the bus is not" in gone.stderr) == (1, True)


@pytest.mark.parametrize(("name", "said"), [("pigeon", "choose from nats, kafka"), ("kafka", "KAFKA_BROKERS: set it")])
def test_a_bus_that_cannot_be_asked_is_told_in_a_sentence(name: str, said: str) -> None:
    run = within("bus", "status", "--bus", name, DATABASE_URL=NO_DATABASE)
    assert (run.returncode > 0, said in run.stderr) == (True, True), run.stderr
