"""`corebilling dlq` and `corebilling replay` against a running installation: a bug that passes, and a projection put right."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from commands import within

from corebilling.cli.local import LocalInstallation
from factories import PATIENCE_SECONDS, Api, Seller, new_seller, recurring

Owner = psycopg.Connection[Any]

HURTS = "ALTER TABLE customer_entitlements ADD CONSTRAINT hurts CHECK (customer_id <> '{}') NOT VALID"
HEALED = "ALTER TABLE customer_entitlements DROP CONSTRAINT IF EXISTS hurts"
LAST_ATTEMPT_NOW = (
    "UPDATE inbox_retry SET attempts = 9, next_attempt_at = now() WHERE tenant_id = %s AND attempts BETWEEN 1 AND 8"
)
SPOILED = "UPDATE customer_entitlements SET status = 'spoiled', status_seq = 999 WHERE tenant_id = %s"


@pytest.fixture
def seller(installation: LocalInstallation, platform_key: str, owner: Owner) -> Iterator[Seller]:
    """Its one customer can't have entitlements: the events of its subscription hurt the consumer."""

    async def make() -> Seller:
        async with Api(installation.api.url, platform_key) as platform:
            made = await new_seller(platform, "Rebuilt", datetime(2026, 1, 1, tzinfo=UTC))
            async with made.api:
                await made.plan("basic", recurring("Fee", "10"))
                owner.execute(HURTS.format((await made.customer("one"))["id"]))
                await made.subscribe("one", "basic")
            return made

    yield asyncio.run(make())
    owner.execute(HEALED)


@pytest.fixture
def http(installation: LocalInstallation, seller: Seller) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.api.url, headers={"X-API-Key": seller.key}) as client:
        yield client


@pytest.fixture
def owner(installation: LocalInstallation) -> Iterator[Owner]:
    with psycopg.connect(installation.stack.database_url, autocommit=True) as conn:
        yield conn


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; the limit only ends a test that would hang."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def test_a_bug_that_is_mended_and_a_projection_that_is_rebuilt(
    installation: LocalInstallation, seller: Seller, http: httpx.Client, owner: Owner
) -> None:
    where = {"DATABASE_URL": installation.app_url}

    def entitled() -> list[dict[str, Any]]:
        return list(http.get("/v1/customers/one/entitlements").json()["data"])

    def letters(*filters: str) -> list[dict[str, Any]]:
        listed = within("dlq", "list", "--tenant", seller.id, *filters, "--json", **where)
        return list(json.loads(listed.stdout))

    def given_up() -> bool:
        owner.execute(LAST_ATTEMPT_NOW, [seller.id])
        return bool(letters("--consumer", "entitlements"))

    until(given_up, "a dead letter")
    (letter,) = letters("--subject", "subscription.*", "--error", "CheckViolation")
    shown = json.loads(within("dlq", "show", seller.id, letter["event_id"], **where).stdout)
    assert "hurts" in shown[0]["error"]
    assert shown[0]["envelope"]["id"] == letter["event_id"]
    unknown = within("dlq", "show", seller.id, seller.id, **where)
    assert (unknown.returncode, unknown.stdout, "dlq list" in unknown.stderr) == (1, "", True)
    assert entitled() == []
    refused = within("dlq", "requeue", **where)
    assert (refused.returncode, "--all" in refused.stderr) == (2, True), refused.stderr
    choice = ("dlq", "requeue", "--tenant", seller.id, "--error", "CheckViolation")
    assert "1 would be requeued" in within(*choice, "--dry-run", **where).stdout
    owner.execute(HEALED)
    done = within(*choice, "--yes", **where)
    assert (done.returncode, "1 of 1 requeued" in done.stdout) == (0, True), done.stderr
    until(lambda: bool(entitled()), "the event's effect")
    assert letters() == []

    until(
        lambda: owner.execute("SELECT 1 FROM inbox_retry WHERE tenant_id = %s", [seller.id]).fetchone() is None, "calm"
    )
    before = entitled()
    owner.execute(SPOILED, [seller.id])
    assert entitled() != before
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    replay = (
        "replay",
        "--tenant",
        seller.id,
        "--from",
        yesterday,
        "--consumer",
        "entitlements",
        "--reason",
        "spoiled",
        "--rebuild",
    )
    plan = json.loads(within(*replay, "--dry-run", "--json", **where).stdout)
    assert plan["consumers"][0]["to_be_handled"] == plan["events"] > 0
    ran = within(*replay, "--yes", "--wait", "--json", **where)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    job = json.loads(ran.stdout)
    assert (job["state"], job["result"]["replayed"], job["result"]["forgotten"]) == ("succeeded", plan["events"], 1)
    assert entitled() == before
    (told,) = http.get("/v1/events", params={"subject": "billing.replay.finished"}).json()["data"]
    payload = http.get(f"/v1/events/{told['id']}").json()["payload"]
    assert (payload["outcome"], payload["consumer"], payload["reason"]) == ("succeeded", "entitlements", "spoiled")
    actions = owner.execute("SELECT action FROM audit_events WHERE tenant_id = %s ORDER BY id", [seller.id]).fetchall()
    assert len(actions) >= 2


def test_a_replay_that_cannot_be_is_refused_in_a_sentence(installation: LocalInstallation) -> None:
    tenant = "01981a50-0000-7000-8000-000000000000"
    ran = within(
        "replay", "--tenant", tenant, "--from", "2020-01-01", "--reason", "x", DATABASE_URL=installation.app_url
    )
    assert (ran.returncode, "remember what they have taken" in ran.stderr) == (1, True), ran.stderr
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    ran = within(
        "replay", "--tenant", tenant, "--from", today, "--reason", "x", "--dry-run", DATABASE_URL=installation.app_url
    )
    assert (ran.returncode, "no tenant" in ran.stderr) == (1, True), ran.stderr
    ran = within("replay", "--tenant", tenant, "--from", today, "--reason", " ", DATABASE_URL=installation.app_url)
    assert (ran.returncode, "is empty" in ran.stderr) == (2, True), ran.stderr
