"""What an operator runs against a database: schema, first tenant and keys, lists, proof."""

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from commands import within
from psycopg import sql

from corebilling.cli.local import LocalInstallation
from corebilling.events.catalog import CATALOG


@pytest.fixture
def empty_database(servers: tuple[str, str]) -> Iterator[str]:
    """An administrator's address of a database without a schema."""
    name = f"empty_{uuid4().hex[:12]}"
    with psycopg.connect(servers[0], autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield f"{servers[0].rpartition('/')[0]}/{name}"
    with psycopg.connect(servers[0], autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def test_migrating_again_changes_nothing(empty_database: str) -> None:
    first = within("migrate", DATABASE_URL=empty_database)
    assert first.returncode == 0, first.stderr
    assert "; 0 migrations applied" not in first.stderr
    again = within("migrate", DATABASE_URL=empty_database)
    assert (again.returncode, "; 0 migrations applied" in again.stderr) == (0, True), again.stderr
    as_role = within("run", "--role", "migrate", DATABASE_URL=empty_database)
    assert (as_role.returncode, "; 0 migrations applied" in as_role.stderr) == (0, True), as_role.stderr


def test_a_tenant_and_a_key_made_at_the_database_work_over_http(installation: LocalInstallation) -> None:
    where = {"DATABASE_URL": installation.app_url}
    made = within("tenant", "create", "--name", "First", "--currency", "CHF", "--time-zone", "Europe/Zurich", **where)
    assert made.returncode == 0, made.stderr
    tenant = json.loads(made.stdout)
    assert (tenant["name"], tenant["currency"], tenant["time_zone"]) == ("First", "CHF", "Europe/Zurich")

    reading = within("api-key", "create", "--tenant", tenant["id"], "--name", "r", "--scope", "billing:read", **where)
    platform = within("api-key", "create", "--platform", "--name", "p", **where)
    keys = [{"X-API-Key": json.loads(run.stdout)["secret"]} for run in (reading, platform)]
    url = installation.api.url
    assert httpx.get(f"{url}/v1/customers", headers=keys[0]).status_code == 200
    assert httpx.get(f"{url}/v1/settings", headers=keys[0]).status_code == 403, "it holds the scope it was given"
    assert httpx.get(f"{url}/v1/tenants/{tenant['id']}", headers=keys[1]).json()["name"] == "First"
    quote = {"order": {"weight": "1"}}
    assert httpx.post(f"{url}/v1/pricing/quote", json=quote, headers=keys[0]).status_code == 200, (
        "the default card is there"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tenant", "create", "--name", "X", "--currency", "XXZ"), "XXZ"),
        (("tenant", "create", "--name", "X", "--time-zone", "Mars/Olympus"), "Mars/Olympus"),
        (("tenant", "create", "--name", ""), "name"),
        (("api-key", "create", "--name", "k"), "--tenant"),
        (("api-key", "create", "--name", "k", "--tenant", "nonsense"), "UUID"),
        (("api-key", "create", "--name", "k", "--tenant", str(uuid4())), "no tenant"),
        (("api-key", "create", "--name", "k", "--platform", "--scope", "everything"), "everything"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(database_url: str, arguments: tuple[str, ...], said: str) -> None:
    run = within(*arguments, DATABASE_URL=database_url)
    assert run.returncode != 0
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_a_role_without_its_settings_names_every_variable_to_mend() -> None:
    run = within("run", "--role", "api", HTTP_PORT="many", WEBHOOK_MAX_RETRIES="-1")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    for name in ("HTTP_PORT", "WEBHOOK_MAX_RETRIES"):
        assert name in run.stderr
    assert "DATABASE_URL" in within("run", "--role", "api").stderr


def test_routes_and_events_are_listed() -> None:
    routes = json.loads(within("routes", "--json").stdout)
    assert {"method": "POST", "path": "/v1/usage", "scope": "usage:write", "summary": "Report usage"} in routes
    table = within("routes").stdout
    assert all(row["path"] in table for row in routes)
    events = json.loads(within("events", "--json").stdout)
    assert [row["subject"] for row in events] == [row.subject for row in CATALOG]
    assert "invoice.generated" in within("events").stdout


def test_the_ledger_of_an_installation_is_proved(installation: LocalInstallation) -> None:
    run = within("ledger", "verify", "--json", DATABASE_URL=installation.app_url)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["mismatch_count"] == 0
