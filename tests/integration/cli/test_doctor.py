"""What an operator is told of an installation that is well, and of several that aren't."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import nats
import psycopg
import pytest
from commands import corebilling, within

from corebilling.cli.local import LocalInstallation
from corebilling.platform.embedded import EmbeddedNats
from corebilling.platform.secrets import SecretBox, generate_key

NOWHERE = "nats://127.0.0.1:1"


def examined(**environment: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit code, and the findings by area."""
    run = within("doctor", "--json", **environment)
    answer = json.loads(run.stdout)
    assert answer["well"] == (run.returncode == 0)
    areas: dict[str, list[dict[str, str]]] = {}
    for finding in answer["findings"]:
        areas.setdefault(finding["area"], []).append(finding)
    return run.returncode, areas


def levels(findings: list[dict[str, str]]) -> set[str]:
    return {finding["level"] for finding in findings}


def test_an_installation_at_work_is_well(installation: LocalInstallation) -> None:
    names = ("DATABASE_URL", "NATS_URL", "ENCRYPTION_KEYS")
    where = {name: installation.environment[name] for name in names}
    code, areas = examined(**where)
    assert code == 0, areas
    for area in ("database", "migrations", "partitions", "bus", "retention", "dispatching", "sweep"):
        assert levels(areas[area]) == {"ok"}, areas[area]
    told = within("doctor", **where).stdout
    assert "0 errors" in told
    quiet = within("doctor", "--quiet", **where).stdout
    assert "PostgreSQL" not in quiet


def test_a_key_that_was_dropped_too_early_is_missed(
    installation: LocalInstallation, owner_url: str, database_url: str
) -> None:
    dropped, present = generate_key(), generate_key()
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO webhook_endpoints (tenant_id, endpoint_id, url, subjects, description, secret_sealed, sandbox, "
            "status, seq, created_at, updated_at) SELECT gen_random_uuid(), gen_random_uuid(), 'https://example.com', '{*}', "
            "'', unnest(%s::text[]), false, 'active', 1, now(), now()",
            ([SecretBox([key]).seal("secret") for key in (dropped, present)],),
        )
    where = {"DATABASE_URL": database_url, "NATS_URL": installation.environment["NATS_URL"]}
    _, areas = examined(**where, ENCRYPTION_KEYS=present)
    assert "1 of the first 2 webhook endpoints" in areas["secrets"][0]["what"]
    _, areas = examined(**where, ENCRYPTION_KEYS=f"{present},{dropped}")
    assert "error" not in levels(areas["secrets"])


def test_what_is_missing_is_an_error_with_advice(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corebilling.cli.bus._CONNECT_SECONDS", 0.2)
    code, areas = examined(DATABASE_URL=database_url, NATS_URL=NOWHERE)
    assert code == 1
    assert levels(areas["database"]) == {"ok"}
    for area, word in (("bus", "doesn't answer"), ("dispatching", "no dispatcher"), ("secrets", "ENCRYPTION_KEYS")):
        assert "error" in levels(areas[area]), areas[area]
        assert any(word in finding["what"] for finding in areas[area]), areas[area]
    assert any("start a worker" in finding["advice"] for finding in areas["dispatching"])


def test_rows_and_tables_that_are_not_well_are_told_of(owner_url: str, database_url: str, nats_url: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        _spoil(owner)
        code, areas = examined(DATABASE_URL=database_url, NATS_URL=nats_url, ENCRYPTION_KEYS=generate_key())
    assert code == 1
    assert "left_open" in areas["database"][0]["what"]
    assert levels(areas["migrations"]) == {"error", "warning"}
    assert areas["partitions"][0]["level"] == "error"
    assert any("rating.failed" in finding["what"] for finding in areas["dispatching"])
    assert [finding["level"] for finding in areas["sweep"]] == ["warning", "warning"]
    assert (areas["parked"][0]["level"], "overdue" in areas["parked"][0]["what"]) == ("error", True)
    assert "webhook: 1" in areas["dead letters"][0]["what"]


def test_a_superuser_is_no_login_for_the_product(owner_url: str, nats_url: str) -> None:
    _, areas = examined(DATABASE_URL=owner_url, NATS_URL=nats_url)
    assert any("superuser" in finding["what"] for finding in areas["database"])


def test_without_a_database_nothing_else_is_asked(nats_url: str) -> None:
    code, areas = examined(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing", NATS_URL=nats_url)
    assert (code, list(areas)) == (1, ["database"])
    assert "127.0.0.1:1 takes no connection" in areas["database"][0]["what"]


def test_why_the_database_takes_no_connection_is_told_once() -> None:
    run = corebilling("dlq", "list", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert (run.returncode, run.stderr.count("Connection refused")) == (1, 1), run.stderr
    assert "look at DATABASE_URL" in run.stderr


def test_messages_that_no_router_takes_are_told_of(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def publish(address: str) -> None:
        client = await nats.connect(address)
        await client.jetstream().publish("billing.invoice.generated", b"")
        await client.close()

    monkeypatch.setattr("corebilling.cli.doctor.eventbus._WAITS", timedelta())
    with EmbeddedNats(tmp_path / "nats") as server:
        where = {"DATABASE_URL": database_url, "NATS_URL": server.url}
        assert within("bus", "declare", **where).returncode == 0
        _, areas = examined(**where)
        assert levels(areas["bus"]) == {"ok"}
        asyncio.run(publish(server.url))
        _, areas = examined(**where)
    assert "start a router" in areas["bus"][-1]["advice"], areas["bus"]


def _spoil(owner: psycopg.Connection[Any]) -> None:
    """One of each trouble that an operator may meet."""
    tenant, ids = uuid4(), [uuid4() for _ in range(3)]
    owner.execute("CREATE TABLE left_open (tenant_id uuid)")
    owner.execute("DELETE FROM schema_migrations WHERE (context, number) = ('scheduler', 1)")
    owner.execute(
        "INSERT INTO schema_migrations (context, number, name, phase, checksum) "
        "VALUES ('scheduler', 9999, 'of_tomorrow', 'expand', '')"
    )
    owner.execute("DO $$ BEGIN EXECUTE 'DROP TABLE inbox_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'); END $$")
    owner.execute(
        "INSERT INTO billing_events (event_id, tenant_id, shard, subject, version, resource_id, resource_seq, "
        "correlation_id, occurred_at, payload) VALUES (corebilling_first_id_at(now() - interval '20 minutes'), "
        "%s, 3, 'rating.failed', 1, %s, 1, %s, now(), '{}')",
        (tenant, ids[0], ids[1]),
    )
    owner.execute(
        "UPDATE outbox_sweep SET swept_to = corebilling_first_id_at(now() - interval '3 hours'), "
        "due_at = now() - interval '1 hour'"
    )
    owner.execute(
        "INSERT INTO inbox_retry VALUES (%s, 'invoice', %s, 'rating.completed', %s, 1, 3, now() - interval '1 hour', "
        "now() - interval '2 hours', now() - interval '1 hour', 'NotYet', 'no', '{}')",
        (tenant, ids[0], ids[1]),
    )
    owner.execute(
        "INSERT INTO dead_letters (tenant_id, consumer, event_id, subject, resource_id, resource_seq, reason, error_type, "
        "error, attempts, first_failed_at, last_failed_at, envelope) "
        "VALUES (%s, 'webhook', %s, 'plan.created', %s, 1, 'gave up', 'E', 'e', 9, now(), now(), '{}')",
        (tenant, ids[0], ids[1]),
    )
