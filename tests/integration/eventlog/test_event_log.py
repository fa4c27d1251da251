"""What a tenant sees of its events and dead letters over HTTP, and what it may do about them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest

from corebilling.events.custom import CustomEvent
from corebilling.events.envelope import NewEvent
from corebilling.events.rating import RatingFailed
from corebilling.platform.bus.handlers import Consumer, Subscriptions
from corebilling.platform.bus.outbox import emit
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database, Tx
from corebilling.platform.eventlog import api_events, api_letters, api_replay
from corebilling.platform.eventlog.letters import DeadLetters
from corebilling.platform.eventlog.reading import EventLog
from corebilling.platform.eventlog.replaying import Replay
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.jobs.service import JobService
from corebilling.tenant.schemas import ApiKeyCreate
from parties import Parties

GIVEN_UP = """INSERT INTO dead_letters (tenant_id, consumer, event_id, subject, resource_id, resource_seq, reason, error_type, error,
    stack, attempts, first_failed_at, last_failed_at, envelope)
  SELECT tenant_id, %s, event_id, subject, resource_id, resource_seq, %s, %s, 'it hurts', 'a.py:1 f', 10, now(), now(), '{"id": "x"}'
  FROM billing_events WHERE event_id = %s"""
TAKEN = "INSERT INTO inbox (tenant_id, consumer, event_id) SELECT tenant_id, %s, event_id FROM billing_events WHERE event_id = %s"
EVERY_SCOPE = ["billing:read", "billing:write", "billing:admin"]


async def nothing(service: object, tx: Tx, events: Any) -> None:
    """These consumers are only asked what they listen to."""


CONSUMERS = [
    Consumer("webhook", object(), {RatingFailed: nothing, CustomEvent: nothing}),
    Consumer("scheduler", object(), {RatingFailed: nothing}),
]


class Tenant:
    """A tenant with a key, and with events in the outbox."""

    def __init__(self, db: Database, owner_url: str, tenant_id: UUID, http: httpx.AsyncClient) -> None:
        self.db, self.owner_url, self.id, self.http = db, owner_url, tenant_id, http

    async def tell(self, *payloads: msgspec.Struct, resource: UUID | None = None) -> list[UUID]:
        """Ids of new events, as if they were published already."""
        now = datetime.now(UTC)
        events = [NewEvent(self.id, resource or uuid4(), 1, payload, now) for payload in payloads]
        async with self.db.system() as tx:
            await emit(tx, events)
            await tx.conn.execute(
                "UPDATE billing_events SET status = 'dispatched', dispatched_at = now() WHERE tenant_id = %s",
                (self.id,),
            )
            found = await tx.conn.execute(
                "SELECT event_id FROM billing_events WHERE tenant_id = %s ORDER BY event_id DESC LIMIT %s",
                (self.id, len(events)),
            )
            return [row[0] for row in await found.fetchall()][::-1]

    async def run(self, statement: str, *parameters: object) -> list[Any]:
        """A statement past row security."""
        async with await psycopg.AsyncConnection.connect(self.owner_url, autocommit=True) as owner:
            cursor = await owner.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    async def give_up(self, event: UUID, consumer: str, reason: str = "failed 10 times", kind: str = "Bug") -> None:
        await self.run(GIVEN_UP, consumer, reason, kind, event)

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.http.get(path, params=query)
        return answer.json() | ({} if answer.is_success else {"status": answer.status_code})

    async def post(self, path: str, body: Any) -> Any:
        answer = await self.http.post(path, json=body)
        return answer.json() | {"status": answer.status_code}


@pytest.fixture
async def tenants(db: Database, owner_url: str) -> AsyncIterator[tuple[Tenant, Tenant]]:
    parties = Parties(db)
    replay = Replay(jobs=JobService(clock=wall_clock), consumers=CONSUMERS, clock=wall_clock, remembered_days=21)
    log, letters = EventLog(Subscriptions(CONSUMERS)), DeadLetters(clock=wall_clock)
    app = http_app(
        routes=(*api_events.ROUTES, *api_letters.ROUTES, *api_replay.ROUTES),
        dependencies={"event_log": lambda: log, "dead_letters": lambda: letters, "replay": lambda: replay},
        authenticator=Authenticator(database=db, keys=parties.tenants, tokens=None),
        database=db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
    )
    made = []
    for name in ("one", "other"):
        tenant_id = await parties.tenant(name)
        async with db.tenants([tenant_id]) as tx:
            key = await parties.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="k", scopes=EVERY_SCOPE))
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://api", headers={"X-API-Key": str(key.secret)}
        )
        made.append(Tenant(db, owner_url, tenant_id, http))
    yield made[0], made[1]
    for tenant in made:
        await tenant.http.aclose()


def failed(reason: str = "no price") -> RatingFailed:
    now = datetime.now(UTC)
    return RatingFailed(uuid4(), uuid4(), now, now, reason)


def own(subject: str) -> CustomEvent:
    return CustomEvent(subject, msgspec.Raw(b'{"parcels": 2}'))


async def test_events_are_found_by_subject_resource_status_and_time(tenants: tuple[Tenant, Tenant]) -> None:
    ours, theirs = tenants
    resource = uuid4()
    await theirs.tell(failed())
    before = datetime.now(UTC)
    first, second = await ours.tell(failed(), own("parcel.sent"), resource=resource)
    (third,) = await ours.tell(own("refund.asked"))

    async def found(**query: Any) -> list[UUID]:
        mine = [UUID(event["id"]) for event in (await ours.get("/v1/events", **query))["data"]]
        return [event for event in mine if event in (first, second, third)]

    assert await found() == [third, second, first]
    assert await found(subject="rating.*") == await found(subject="rating.failed") == [first]
    assert await found(subject="parcel.*") == await found(subject="parcel.sent") == [second]
    assert await found(subject="custom.published") == [third, second]
    assert await found(resource_id=str(resource)) == [second, first]
    assert await found(status="pending") == []
    assert await found(**{"from": before.isoformat()}) == [third, second, first]
    assert await found(to=before.isoformat()) == []
    one = await ours.get("/v1/events", limit=1)
    two = await ours.get("/v1/events", limit=1, cursor=one["next_cursor"])
    assert [one["data"][0]["subject"], two["data"][0]["subject"]] == ["refund.asked", "parcel.sent"]
    refused = await ours.get("/v1/events", subject="invoice.never")
    assert (refused["status"], refused["errors"][0]["pointer"]) == (422, "/query/subject")


async def test_an_event_shows_who_has_taken_it_and_only_to_its_tenant(tenants: tuple[Tenant, Tenant]) -> None:
    ours, theirs = tenants
    (event,) = await ours.tell(failed("too dear"))
    (parcel,) = await ours.tell(own("parcel.sent"))
    await ours.run(TAKEN, "webhook", event)
    await ours.give_up(event, "scheduler")
    shown = await ours.get(f"/v1/events/{event}")
    assert shown["payload"]["reason"] == "too dear"
    assert [(c["consumer"], c["state"]) for c in shown["consumers"]] == [
        ("scheduler", "dead_letter"),
        ("webhook", "handled"),
    ]
    shown = await ours.get(f"/v1/events/{parcel}")
    assert (shown["subject"], shown["payload"]) == ("parcel.sent", {"parcels": 2})
    assert [(c["consumer"], c["state"]) for c in shown["consumers"]] == [("webhook", "waiting")]
    for path in (f"/v1/events/{event}", f"/v1/dead-letters/{event}"):
        assert (await theirs.get(path))["status"] == 404


async def test_dead_letters_are_found_shown_and_requeued_by_filter(tenants: tuple[Tenant, Tenant]) -> None:
    ours, theirs = tenants
    events = await ours.tell(failed(), failed(), failed())
    (other,) = await theirs.tell(failed())
    await theirs.give_up(other, "webhook")
    for event in events:
        await ours.give_up(event, "webhook")
        await ours.give_up(event, "scheduler", kind="UndefinedColumn")
    seen, cursor = [], None
    while True:  # pages end between the consumers of an event, too
        page = await ours.get("/v1/dead-letters", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [(UUID(letter["event_id"]), letter["consumer"]) for letter in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [(event, consumer) for event in reversed(events) for consumer in ("scheduler", "webhook")]
    shown = await ours.get(f"/v1/dead-letters/{events[0]}")
    assert [(letter["consumer"], letter["stack"], letter["envelope"]) for letter in shown["letters"]] == [
        ("scheduler", "a.py:1 f", {"id": "x"}), ("webhook", "a.py:1 f", {"id": "x"})
    ]  # fmt: skip

    assert (await ours.post("/v1/dead-letters/requeue", {}))["code"] == "nothing_selected"
    choice = {"subject": "rating.*", "error_type": "UndefinedColumn", "limit": 2}
    counted = await ours.post("/v1/dead-letters/requeue", {**choice, "dry_run": True})
    assert (counted["letters"], counted["remaining"]) == (2, 1)
    done = await ours.post("/v1/dead-letters/requeue", choice)
    assert (done["letters"], done["remaining"]) == (2, 1)
    parked = await ours.run(
        "SELECT event_id, consumer, attempts FROM inbox_retry WHERE tenant_id = %s ORDER BY event_id", ours.id
    )
    assert parked == [(event, "scheduler", 0) for event in events[:2]], "the oldest first, with all their attempts"
    holder = (await ours.get(f"/v1/events/{events[0]}"))["consumers"][0]
    assert (holder["consumer"], holder["state"], holder["error_type"]) == ("scheduler", "parked", "Requeued")
    gone = await ours.post("/v1/dead-letters/discard", {"event_ids": [str(events[2]), str(other)]})
    assert gone["letters"] == 2
    assert (await ours.post("/v1/dead-letters/discard", {"all": True}))["letters"] == 2
    assert (await theirs.get("/v1/dead-letters"))["data"][0]["event_id"] == str(other)
    audited = await ours.run("SELECT action FROM audit_events WHERE tenant_id = %s ORDER BY id", ours.id)
    assert audited == [("POST /v1/dead-letters/requeue",)] + [("POST /v1/dead-letters/discard",)] * 2


async def test_an_event_that_the_bus_refused_is_pending_again_once_requeued(tenants: tuple[Tenant, Tenant]) -> None:
    ours, _ = tenants
    (event,) = await ours.tell(failed())
    await ours.run("UPDATE billing_events SET status = 'dead_letter', retry_count = 8 WHERE event_id = %s", event)
    await ours.give_up(event, "dispatcher")
    assert (await ours.post("/v1/dead-letters/requeue", {"consumer": "dispatcher"}))["letters"] == 1
    shown = await ours.get(f"/v1/events/{event}")
    assert (shown["status"], shown["retry_count"]) == ("pending", 0)
    assert await ours.run("SELECT 1 FROM inbox_retry WHERE event_id = %s", event) == []


async def test_a_replay_is_planned_queued_once_and_audited(tenants: tuple[Tenant, Tenant]) -> None:
    ours, _ = tenants
    events = await ours.tell(failed(), failed(), own("parcel.sent"), own("order.shipped"))
    await ours.run(TAKEN, "webhook", events[0])
    body = {
        "from": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
        "subjects": ["rating.*", "parcel.*"],
        "reason": "why",
    }
    planned = await ours.post("/v1/events/replay", {**body, "dry_run": True})
    assert (planned["status"], planned["job"], planned["plan"]["events"], planned["plan"]["seconds"]) == (
        200,
        None,
        3,
        1,
    )
    assert planned["plan"]["consumers"] == [
        {"consumer": "scheduler", "events": 2, "taken": 0, "to_be_handled": 2},
        {"consumer": "webhook", "events": 3, "taken": 1, "to_be_handled": 2},
    ]
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [await ours.http.post("/v1/events/replay", json=body, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (202, again.json())
    request = first.json()["job"]["request"]
    assert (request["reason"], request["rate_per_second"], request["rebuild"]) == ("why", 500, False)
    assert await ours.run("SELECT count(*) FROM jobs WHERE tenant_id = %s", ours.id) == [(1,)]
    assert await ours.run("SELECT action FROM audit_events WHERE tenant_id = %s", ours.id) == [
        ("POST /v1/events/replay",)
    ]
    refused = await ours.post("/v1/events/replay", {**body, "consumer": "nobody"})
    assert (refused["status"], refused["errors"][0]["pointer"]) == (422, "/consumer")
